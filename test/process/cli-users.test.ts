/** `sallyport users create` and `set-roles`. */
import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listUsers } from "../../src/store/queries/users.ts";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { addUser, workOn } from "../support/folder.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { endless } from "../support/patience.ts";
import { logIn, passwordOf } from "../support/people.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (args: readonly string[], input = "") => runCommand(args, { SALLYPORT_DATA_DIR: folder }, input);
const users = () =>
  workOn(folder, ({ store }) => store.read((db) => listUsers(db, { after: "", limit: 99, role: "" })));

/** Which of the passwords let the user in. */
function passwordsOf(username: string, candidates: readonly string[]): Promise<readonly string[]> {
  return workOn(folder, async ({ login }) => {
    const request = (password: string) => ({ identifier: username, password, audiences: [], deviceName: "" });
    const tries = candidates.map((password) => login(request(password), endless));
    const outcomes = await Promise.allSettled(tries);
    return candidates.filter((_, index) => outcomes[index]?.status === "fulfilled");
  });
}

describe("users create", () => {
  it("takes the password from standard input: less one line end, and nothing else", async () => {
    const password = " \t kites, grüne Drachen \u00a0 ";
    const inputs = { bea: `${password}\n`, cyd: `${password}\r\n`, dot: `${password}\n\n` };
    const runs = await Promise.all(
      Object.entries(inputs).map(([username, input]) => run(["users", "create", username], input)),
    );
    // Which of them comes first, and makes the database, is left to chance.
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    const said = new Set(runs.flatMap(({ stderr }) => stderr.split("\n")));
    expect([...said].filter((line) => line !== "")).toEqual([`sallyport: made a new database in ${folder}`]);
    expect(runs[0]?.stdout).toMatch(/^created usr_[0-9a-f-]{36} bea \(user\)\n$/);
    const candidates = [password, password.trim(), `${password}\n`, `${password}\r`, `${password}\r\n`];
    for (const username of ["bea", "cyd"]) expect(await passwordsOf(username, candidates)).toEqual([password]);
    expect(await passwordsOf("dot", candidates)).toEqual([`${password}\n`]);
  });

  it("makes the first administrator, with an address in canonical form", async () => {
    const args = ["users", "create", "Root", "--role", "admin", "user", "--email", "Root@Example.COM"];
    const { code, stdout } = await run(args, passwordOf("root"));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^created usr_\S+ root \(admin, user\)\n$/)]);
    expect(await users()).toMatchObject([
      { username: "root", email: "root@example.com", roles: ["admin", "user"], state: "active" },
    ]);
  });

  it("never takes the password from its arguments, where everybody on the machine can read it", async () => {
    const [behind, option] = await Promise.all([
      run(["users", "create", "ada", passwordOf("ada")], passwordOf("ada")),
      run(["users", "create", "ada", "--password", passwordOf("ada")], passwordOf("ada")),
    ]);
    expect([behind.code, option.code, behind.stdout, option.stdout]).toEqual([2, 2, "", ""]);
    expect(await users()).toEqual([]);
  });

  it("refuses what the server would refuse, says why, and makes nobody", async () => {
    await addUser(folder, "ada", ["user"]);
    const good = passwordOf("bob");
    const refused = await Promise.all([
      run(["users", "create", "ADA"], good),
      run(["users", "create", "bob", "--role", "wizard"], good),
      run(["users", "create", "bob"], "short\n"),
    ]);
    expect(refused.map(({ code, stdout }) => [code, stdout])).toEqual(refused.map(() => [1, ""]));
    expect(refused.map(({ stderr }) => stderr)).toEqual([
      "sallyport: the user name is taken; choose another\n",
      "sallyport: there is no such role\n",
      expect.stringMatching(/^sallyport: password: /),
    ]);
    expect((await users()).map(({ username }) => username)).toEqual(["ada"]);
  });
});

describe("users set-roles", () => {
  it("is obeyed by a running server within half a second", async () => {
    await addUser(folder, "root", ["admin"]);
    await addUser(folder, "ada", ["user"]);
    const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder });
    const { tokens } = await logIn(server, "ada");
    const { auth } = clientsOf(server.url);
    const verdict = async (accessToken: string) => verdictOf(await auth.authorize({ accessToken, anyRole: ["admin"] }));
    expect(await verdict(tokens.accessToken)).toBe("ROLE_MISSING, NONE");
    const { value, at } = await acknowledged(run(["users", "set-roles", "Ada", "admin", "user", "admin"]));
    expect(value).toMatchObject({ code: 0, stderr: "" });
    expect(value.stdout).toMatch(/^ada holds admin, user as of revision \d+\n$/);
    await expectObeyed(at, async () => (await verdict(tokens.accessToken)) === "PRIVILEGES_CHANGED, REFRESH");
    const { accessToken } = await auth.refresh({ refreshToken: tokens.refreshToken });
    expect(await verdict(accessToken)).toBe("GRANTED");
    await server.end("SIGTERM");
  });

  it("refuses to take the role from the last administrator, and whatever else cannot be", async () => {
    await addUser(folder, "root", ["admin"]);
    await addUser(folder, "ada", ["user"]);
    const refused = await Promise.all([
      run(["users", "set-roles", "root"]),
      run(["users", "set-roles", "ada", "user", "wizard"]),
      run(["users", "set-roles", "nobody@example.com"]),
    ]);
    expect(refused.map(({ code, stdout }) => [code, stdout])).toEqual(refused.map(() => [1, ""]));
    expect(refused.map(({ stderr }) => stderr)).toEqual([
      "sallyport: somebody must hold the role admin; give it to another user first\n",
      "sallyport: there is no such role\n",
      "sallyport: there is no such user\n",
    ]);
    expect((await users()).map(({ username, roles }) => [username, ...roles])).toEqual([
      ["root", "admin"],
      ["ada", "user"],
    ]);
  });
});
