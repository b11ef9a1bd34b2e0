import type { Command } from "commander";
import type { Core } from "../core.ts";
import { Refusal } from "../errors.ts";
import { findUser, listUsers, type UserRow } from "../store/queries/users.ts";
import { findByIdentifier } from "../users/find-user.ts";
import { say, toDate, withCore } from "./context.ts";
import { examples } from "./examples.ts";
import { readNewPassword } from "./read-password.ts";

/** Users fetched at a time, so that a long list needs no long read. */
const PAGE = 500;

/** `sallyport users …`: accounts, from the operator's chair. */
export function addUsersCommands(program: Command): void {
  const users = program
    .command("users")
    .description("accounts; whatever changes, a running server obeys within half a second")
    .addHelpText(
      "after",
      examples(
        ["sallyport users create ada --role admin", "make the first administrator"],
        ["sallyport users disable grace", "keep somebody out from now on"],
      ),
    );
  users
    .command("create")
    .description("make an account; the password is asked for, or read from standard input")
    .argument("<username>", "3 to 64 characters, without @")
    .option("--email <address>", "e-mail address", "")
    .option("--role <name...>", "roles to hold, such as admin", ["user"])
    .addHelpText(
      "after",
      examples(
        ["sallyport users create ada --role admin", "make an administrator; asks for the password twice"],
        [
          "sallyport users create grace --email grace@example.com < password.txt",
          "read the password from a file, less one line end",
        ],
      ),
    )
    .action(create);
  users
    .command("list")
    .description("list accounts: id, user name, e-mail address, state, roles")
    .option("--role <name>", "only those who hold this role", "")
    .option("--json", "as JSON, one a line")
    .addHelpText(
      "after",
      examples(
        ["sallyport users list", "list everybody"],
        ["sallyport users list --role admin --json", "list the administrators, one JSON object a line"],
      ),
    )
    .action(list);
  users
    .command("show")
    .description("show an account as JSON")
    .argument("<user>", IDENTIFIER)
    .addHelpText("after", examples(["sallyport users show grace@example.com", "show who has this address"]))
    .action(show);
  users
    .command("set-roles")
    .description("replace the roles of a user; tokens with the old ones are void, their owners refresh")
    .argument("<user>", IDENTIFIER)
    .argument("[roles...]", "all roles that the user is to hold; none to take all away")
    .addHelpText(
      "after",
      examples(
        ["sallyport users set-roles grace user admin", "make grace an administrator too"],
        ["sallyport users set-roles grace", "take every role from grace, who can still log in"],
      ),
    )
    .action(setRoles);
  users
    .command("set-password")
    .description("set a new password, asked for or read from standard input; ends every session of the user")
    .argument("<user>", IDENTIFIER)
    .addHelpText(
      "after",
      examples(["sallyport users set-password grace", "ask for a new password, and end every session of grace"]),
    )
    .action(setPassword);
  users
    .command("disable")
    .description("keep a user out; ends every session")
    .argument("<user>", IDENTIFIER)
    .addHelpText("after", examples(["sallyport users disable grace", "end every session of grace, and refuse logins"]))
    .action((identifier) => changeState(identifier, "disable"));
  users
    .command("enable")
    .description("let a user in again; revives no session")
    .argument("<user>", IDENTIFIER)
    .addHelpText(
      "after",
      examples(["sallyport users enable grace", "let grace log in again, with the password as it was"]),
    )
    .action((identifier) => changeState(identifier, "enable"));
}

const IDENTIFIER = "user name or e-mail address";

async function create(username: string, { email, role }: { readonly email: string; readonly role: readonly string[] }) {
  const password = await readNewPassword();
  const roles = [...new Set(role)];
  const user = await withCore((core) => core.createUser({ username, password, email, roles }), {
    mayCreate: true,
  });
  say(`created ${user.id} ${user.username} (${user.roles.join(", ")})`);
}

async function list({ role, json }: { readonly role: string; readonly json?: boolean }): Promise<void> {
  await withCore(async ({ store }) => {
    let after = "";
    for (;;) {
      const page = await store.read((db) => listUsers(db, { after, limit: PAGE, role }));
      for (const user of page) say(json ? JSON.stringify(toRecord(user)) : toLine(user));
      if (page.length < PAGE) return;
      after = page.at(-1)?.id ?? "";
    }
  });
}

async function show(identifier: string): Promise<void> {
  const user = await withCore((core) => userNamed(core, identifier));
  say(JSON.stringify(toRecord(user), null, 2));
}

async function setRoles(identifier: string, names: readonly string[]): Promise<void> {
  const { user, revision } = await withCore(async (core) => {
    const { id } = await userNamed(core, identifier);
    return core.assignRoles(id, [...new Set(names)], null);
  });
  say(`${user.username} holds ${user.roles.join(", ") || "no roles"} as of revision ${revision}`);
}

async function setPassword(identifier: string): Promise<void> {
  const password = await readNewPassword();
  const { user } = await withCore(async (core) => {
    const { id } = await userNamed(core, identifier);
    return core.accountState.setPassword(id, password, null);
  });
  say(`${user.username} has a new password; every session is ended`);
}

async function changeState(identifier: string, change: "disable" | "enable"): Promise<void> {
  const { user } = await withCore(async (core) => {
    const { id } = await userNamed(core, identifier);
    return core.accountState[change](id, null);
  });
  say(`${user.username} is ${user.state}`);
}

async function userNamed({ store }: Core, identifier: string): Promise<UserRow> {
  const user = await store.read((db) => findByIdentifier(db, identifier, findUser));
  if (user === null) throw new Refusal("USER_NOT_FOUND");
  return user;
}

/** All that may be shown of a user. */
function toRecord({ id, username, email, email_verified, state, roles, create_time }: UserRow) {
  return { id, username, email, emailVerified: email_verified === 1, state, roles, created: toDate(create_time) };
}

function toLine({ id, username, email, state, roles }: UserRow): string {
  return [id, username, email ?? "-", state, roles.join(",") || "-"].join("  ");
}
