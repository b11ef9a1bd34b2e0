/** docs/operations.md: that its commands work as they stand, in their order, and do what it says of them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TEST_SETTINGS } from "../support/app.ts";
import { createAuthority, hoursFromNow, issueServer } from "../support/certificates.ts";
import { clientsOf } from "../support/clients.ts";
import { freePort } from "../support/free-port.ts";
import { anchorsOf, localLinksOf } from "../support/markdown.ts";
import { createInstallation, type Installation } from "../support/operating.ts";
import { logIn, type Person, passwordOf, signUp, welcome } from "../support/people.ts";
import { makePlace } from "../support/postgres.ts";
import { blocksOf, jsonValues, type Step, stepsOf } from "../support/readme.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand } from "../support/server-process.ts";

const docs = join(import.meta.dirname, "../../docs");
const page = readFileSync(join(docs, "operations.md"), "utf8");
const sections = new Map(page.split(/^(?=#{2,3} )/m).map((text) => [/^#+ (.*)/.exec(text)?.[1] ?? "", text]));

let here: Installation;
const inFolder = (path: string) => join(here.folder, path);
const listKeys = async () => (await runCommand(["keys", "list"], { SALLYPORT_DATA_DIR: inFolder("data") })).stdout;
const kidInState = async (state: string) =>
  new RegExp(`^(\\S+) +access +\\S+ +${state}`, "m").exec(await listKeys())?.[1];

beforeAll(async () => {
  here = await createInstallation(await freePort());
  await here.start();
  await signUp(here, "ada");
});
afterAll(async () => {
  await here.stop();
  rmSync(here.folder, { recursive: true, force: true });
});

/** Runs the commands of a section one after the other, each with the service as it asks for; what each printed. */
async function follow(title: string): Promise<readonly string[]> {
  const printed: string[] = [];
  for (const { block, shown } of stepsIn(title)) {
    await (block.note === "stopped" ? here.stop() : here.start());
    const output = await here.shell(block.text);
    for (const { text } of shown.filter(({ language }) => language === "text")) expect(output).toBe(text);
    const values = shown.filter(({ language }) => language === "json").flatMap(({ text }) => jsonValues(text));
    if (values.length > 0) expect(jsonValues(output)).toEqual(values);
    printed.push(output);
  }
  await here.start();
  return printed;
}

function stepsIn(title: string): readonly Step[] {
  const steps = stepsOf(blocksOf(sections.get(title) ?? ""), ["sh"]);
  if (steps.length === 0) throw new Error(`the section ${title} has no commands`);
  return steps;
}

/** What `Authorize` says of the person's access token. */
async function verdictOn({ tokens }: Person): Promise<string> {
  const { decision } = await clientsOf(here.url).auth.authorize({ accessToken: tokens.accessToken });
  return decision.case ?? "nothing";
}

const refreshedBy = ({ tokens }: Person) => clientsOf(here.url).auth.refresh({ refreshToken: tokens.refreshToken });

/** What to do with each section that has commands, in the order in which they build on each other. */
const FOLLOWED: Readonly<Record<string, () => Promise<void>>> = {
  async Backup() {
    await follow("Backup");
    for (const copy of ["backup/sallyport.db", "backup/compact.db", "backup/files/sallyport.db"]) {
      const database = new Database(inFolder(copy), { readonly: true });
      expect(database.prepare("select username from users").pluck().all()).toEqual(["ada"]);
      database.close();
      expect(statSync(inFolder(copy)).mode & 0o077).toBe(0);
    }
    expect(readdirSync(inFolder("backup"), { recursive: true }).join()).not.toContain("master.key");
    expect(statSync(inFolder("elsewhere/master.key")).mode & 0o077).toBe(0);
  },

  async Restore() {
    const ada = await logIn(here, "ada");
    await welcome(here, "newcomer");
    const { revision: minRevision } = await clientsOf(here.url).auth.authorize({});
    const printed = await follow("Restore");
    expect(printed[0]).toMatch(/^began the log \S+; ended \d+ sessions; everybody logs in again$/m);
    expect(printed[0]).not.toContain("WRONG");
    expect(printed[1]).toContain("|user_created|");
    expect(await verdictOn(ada)).toBe("denied");
    await expect(refreshedBy(ada)).rejects.toThrow();
    expect(await verdictOn(await logIn(here, "ada"))).toBe("granted");
    expect((await refusalOf(logIn(here, "newcomer"))).reason).toBe("CREDENTIALS_INVALID");
    if (minRevision === undefined) throw new Error("an answer without a revision");
    expect((await refusalOf(clientsOf(here.url).auth.authorize({ minRevision }))).reason).toBe("REVISION_UNKNOWN");
  },

  async "After a theft"() {
    const account = { email: "", roles: ["admin"] };
    for (const username of ["ada-the-admin", "mallory"]) {
      const made = await runCommand(
        ["users", "create", username, "--role", "admin"],
        { SALLYPORT_DATA_DIR: inFolder("data") },
        passwordOf(username),
      );
      expect(made.code).toBe(0);
    }
    const honest = await logIn(here, "ada-the-admin");
    await honest.admin.createService({ name: "orders", permissions: [] });
    const thief = await logIn(here, "mallory");
    const { service, apiKey } = await thief.admin.createService({ name: "sleeper", permissions: ["*"] });
    const { admin } = clientsOf(here.url, apiKey);
    const { user } = await admin.createUser({ ...account, username: "mole", password: passwordOf("mole") });
    await (await logIn(here, "mole")).admin.setRole({ name: "innocent-looking", permissions: ["*"] });

    const listed = (await follow("After a theft")).at(-1)?.trim().split("\n") ?? [];
    const deeds = listed.map((line) => line.split("|"));
    expect(deeds.map(([, actor, kind]) => [actor, kind])).toEqual([
      [thief.userId, "login"],
      [thief.userId, "service_created"],
      [service?.id, "user_created"],
      [user?.id, "login"],
      [user?.id, "role_set"],
    ]);
    expect(await verdictOn(thief)).toBe("denied");
    // As the page says: what the thief made goes on.
    await expect(admin.listUsers({})).resolves.toBeDefined();
    const server = here.said();
    for (const [, actor, kind] of deeds) expect(server).toMatch(new RegExp(`"event":"${kind}".*"actor":"${actor}"`));
  },

  async "Signing keys"() {
    const [active, next] = [await kidInState("active"), await kidInState("next")];
    here.ageKeys();
    const printed = await follow("Signing keys");
    expect(printed[1]).toMatch(new RegExp(`^signing with ${next}; next is \\S+; retired ${active}\n$`));
    const withdrawn = /^withdrew (\S+) as of revision \d+\n$/.exec(printed.at(-1) ?? "")?.[1] ?? "";
    const left = await listKeys();
    expect(left).not.toContain(withdrawn);
    expect(left.match(/ (active|next) /g)).toHaveLength(3);
  },

  async "Master key"() {
    const before = readFileSync(inFolder("data/master.key"), "utf8");
    const ada = await logIn(here, "ada");
    const [sample, rewrapped] = await follow("Master key");
    expect(sample).toMatch(/^[\w-]{43}\n$/);
    expect(rewrapped).toMatch(/^\d+ keys are encrypted under the first master key$/m);
    expect(rewrapped).not.toContain("WRONG");
    expect(readFileSync(inFolder("data/master.key"), "utf8")).not.toBe(before);
    expect(await verdictOn(ada)).toBe("granted");
    await expect(refreshedBy(ada)).resolves.toMatchObject({ sessionId: ada.tokens.sessionId });
    const withOld = { SALLYPORT_DATA_DIR: inFolder("data"), SALLYPORT_MASTER_KEY: before.trim() };
    expect((await runCommand(["keys", "list"], withOld)).stderr).toContain("is not among those given");
  },

  async "Everything anew"() {
    const ada = await logIn(here, "ada");
    const before = (await listKeys()).match(/^\S+/gm) ?? [];
    expect(before.length).toBeGreaterThan(2);
    await follow("Everything anew");
    const after = await listKeys();
    expect(before.filter((kid) => after.includes(kid))).toEqual([]);
    expect(await verdictOn(ada)).toBe("denied");
    expect((await refusalOf(refreshedBy(ada))).reason).toBe("REFRESH_TOKEN_INVALID");
    expect(await verdictOn(await logIn(here, "ada"))).toBe("granted");
  },

  async "Move to PostgreSQL, and back"() {
    const place = await makePlace();
    const ada = await logIn(here, "ada");
    const onPostgres = {
      SALLYPORT_DATABASE_URL: place.url,
      SALLYPORT_ISSUER: TEST_SETTINGS.SALLYPORT_ISSUER,
      SALLYPORT_MASTER_KEY: readFileSync(inFolder("data/master.key"), "utf8").trim(),
    };
    const lines = Object.entries(onPostgres).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(inFolder("postgres.env"), lines.join(""), { mode: 0o600 });
    const steps = stepsIn("Move to PostgreSQL, and back");
    let refreshToken = ada.tokens.refreshToken;
    for (const [step, settings] of [
      [steps[0], onPostgres],
      [steps[1], {}],
    ] as const) {
      await here.stop();
      expect(await here.shell(step?.block.text ?? "")).toMatch(/^users {2}\d+ {2}[\da-f]{64}\nsessions {2}\d+ {2}/);
      here.configure(settings);
      await here.start();
      expect(await verdictOn(ada)).toBe("granted");
      const refreshed = await clientsOf(here.url).auth.refresh({ refreshToken });
      expect(refreshed.sessionId).toBe(ada.tokens.sessionId);
      refreshToken = refreshed.refreshToken;
    }
    expect(steps).toHaveLength(2);
    expect(statSync(inFolder("data/master.key")).mode & 0o077).toBe(0);
    await place.remove();
  },

  async Upgrade() {
    expect((await follow("Upgrade"))[0]).not.toContain("WRONG");
  },

  async "Health states"() {
    await follow("Health states");
  },

  async "A full disk"() {
    await follow("A full disk");
    expect(await verdictOn(await logIn(here, "ada"))).toBe("granted");
  },

  async Traces() {
    const [script] = blocksOf(sections.get("Traces") ?? "").filter(({ language }) => language === "js");
    const name = /^\/\/ (\S+)\n/.exec(script?.text ?? "")?.[1] ?? "";
    // The spans are to be seen before the service ends.
    writeFileSync(inFolder(name), script?.text.replaceAll("BatchSpanProcessor", "SimpleSpanProcessor") ?? "");
    const [step] = stepsIn("Traces");
    const said = await here.serving(step?.block.text ?? "", async () => {
      await clientsOf(here.url).auth.authorize({});
    });
    expect(said).toContain("sallyport.auth.v1.AuthService/Authorize");
  },

  async Certificates() {
    const authority = await createAuthority();
    const old = await issueServer(authority, { notAfter: hoursFromNow(1) });
    const renewed = await issueServer(authority, { notAfter: new Date("2035-06-01T00:00:00Z") });
    mkdirSync(inFolder("tls"));
    for (const [place, pair] of [
      ["tls/server", old],
      ["renewed", renewed],
    ] as const) {
      writeFileSync(inFolder(`${place}.crt`), pair.cert);
      writeFileSync(inFolder(`${place}.key`), pair.key, { mode: 0o600 });
    }
    await here.stop();
    here.configure({
      SALLYPORT_TLS_CERT_FILE: inFolder("tls/server.crt"),
      SALLYPORT_TLS_KEY_FILE: inFolder("tls/server.key"),
    });
    const printed = await follow("Certificates");
    expect(printed[1]).toMatch(/expire date: Jun +1 00:00:00 2035 GMT/);
  },
};

describe("docs/operations.md", () => {
  it.each(Object.entries(FOLLOWED))(
    "gives commands that work and do what it says: %s",
    (_title, check) => check(),
    60_000,
  );

  it("gives no command that is not followed here", () => {
    const withCommands = [...sections].filter(([, text]) => /^```(sh|bash)/m.test(text)).map(([title]) => title);
    expect(withCommands.sort()).toEqual(Object.keys(FOLLOWED).sort());
  });

  it("says what an older version says of a newer database", async () => {
    const folder = join(here.folder, "future");
    const settings = { SALLYPORT_DATA_DIR: folder };
    await runCommand(["migrate"], settings);
    const database = new Database(join(folder, "sallyport.db"));
    database.prepare("insert into kysely_migration (name, timestamp) values ('0002-example', '')").run();
    database.close();
    const [shown] = blocksOf(sections.get("Rollback") ?? "");
    for (const command of ["serve", "migrate"]) {
      expect(await runCommand([command], settings)).toEqual({ code: 1, stdout: "", stderr: shown?.text });
    }
  });

  it("leads only to what is there", () => {
    const links = localLinksOf(page);
    expect(links.length).toBeGreaterThan(10);
    const lost = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const file = join(docs, path || "operations.md");
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(file, "utf8")).includes(anchor);
    });
    expect(lost).toEqual([]);
  });
});
