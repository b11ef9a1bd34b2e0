import type { Command } from "commander";
import { Refusal } from "../errors.ts";
import { findByIdentifier } from "../users/find-user.ts";
import { say, withCore } from "./context.ts";
import { readNewPassword } from "./read-password.ts";

/** `sallyport users …`: accounts, from the operator's chair. */
export function addUsersCommands(program: Command): void {
  const users = program.command("users").description("accounts");
  users
    .command("create")
    .description("make an account; the password is asked for, or read from standard input")
    .argument("<username>", "3 to 64 characters, without @")
    .option("--email <address>", "e-mail address", "")
    .option("--role <name...>", "roles to hold, such as admin", ["user"])
    .action(create);
  users
    .command("set-roles")
    .description("replace the roles of a user; a running server obeys within half a second")
    .argument("<user>", "user name or e-mail address")
    .argument("[roles...]", "all roles that the user is to hold; none to take all away")
    .action(setRoles);
}

async function create(username: string, { email, role }: { readonly email: string; readonly role: readonly string[] }) {
  const password = await readNewPassword();
  const roles = [...new Set(role)];
  const user = await withCore((core) => core.createUser({ username, password, email, roles }));
  say(`created ${user.id} ${user.username} (${user.roles.join(", ")})`);
}

async function setRoles(identifier: string, names: readonly string[]): Promise<void> {
  const roles = [...new Set(names)];
  const { user, revision } = await withCore(async (core) => {
    const found = await core.store.read((db) => findByIdentifier(db, identifier));
    if (found === null) throw new Refusal("USER_NOT_FOUND");
    return core.assignRoles(found.id, roles, null);
  });
  say(`${user.username} holds ${user.roles.join(", ") || "no roles"} as of revision ${revision}`);
}
