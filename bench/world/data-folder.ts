/**
 * A data folder as a server that has been in use for long leaves it, with so many
 * users and so many sessions that were revoked lately. The server's own code makes
 * one row of each kind; the others are copies.
 */
import type { webcrypto } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Core } from "../../src/core.ts";
import { databaseFile } from "../../src/database.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { loadMasterKeys } from "../../src/tokens/master-key.ts";
import { endless } from "../../test/support/patience.ts";
import { copyRows } from "./copy-rows.ts";
import { withCore } from "./with-core.ts";

/** How full the folder is to be. */
export type Contents = { readonly users: number; readonly revoked: number };

/** A folder that a server can be started on, and what it takes to make tokens for it. */
export type DataFolder = {
  /** What the server is told, beyond its defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** The database. */
  readonly file: string;
  /** The private keys in use. */
  readonly keys: { readonly access: webcrypto.JsonWebKey; readonly refresh: webcrypto.JsonWebKey };
  /** A session, and its tokens as the server issued them. */
  readonly session: { readonly sessionId: string; readonly accessToken: string; readonly refreshToken: string };
  readonly users: readonly { readonly id: string; readonly username: string }[];
};

/**
 * So many of the users log in, the others have sessions made for them: a login ends the oldest sessions of a user who has
 * too many.
 */
export const LOGGING_IN = 100;

/** The password of everybody. */
export const PASSWORD = "measure twice, cut once";

/** So long the access tokens of revoked sessions live on, in milliseconds. */
const REVOKED_FOR_MS = 3_600_000;

/** Makes a folder `name` inside of `workshop`. */
export async function makeDataFolder(workshop: string, name: string, contents: Contents): Promise<DataFolder> {
  const dataDir = join(workshop, name);
  mkdirSync(dataDir);
  const settings = { SALLYPORT_DATA_DIR: dataDir, SALLYPORT_PORT: "0" };
  return withCore(settings, async (core, config) => {
    const file = databaseFile(config);
    await core.claimDatabase();
    const user = await core.createUser({ username: "bench0", password: PASSWORD, email: "", roles: ["user"] });
    const login = { identifier: user.username, password: PASSWORD, audiences: [], deviceName: "" };
    const session = await core.login(login, endless);
    const keys = await readKeys(core, dataDir);
    const users = addUsers(file, user, contents.users);
    revokeSessions(file, contents.revoked);
    return { settings, file, keys, session, users };
  });
}

async function readKeys(core: Core, dataDir: string): Promise<DataFolder["keys"]> {
  const masterKeys = loadMasterKeys({ stated: [], dataDir, mayCreate: false, random: systemRandom });
  const rows = await core.store.read(listKeys);
  const read = async (wanted: "access" | "refresh"): Promise<webcrypto.JsonWebKey> => {
    const row = rows.find(({ use, state }) => use === wanted && state === "active");
    if (row === undefined) throw new Error(`there is no key for ${wanted} tokens`);
    return JSON.parse(new TextDecoder().decode(await masterKeys.decrypt(row.private_jwe)));
  };
  return { access: await read("access"), refresh: await read("refresh") };
}

function addUsers(file: string, first: DataFolder["users"][number], count: number): DataFolder["users"] {
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    id: systemRandom.id("usr"),
    username: `bench${index + 1}`,
  }));
  copyRows(file, { table: "users", of: ["id", first.id], copies: others });
  const roles = others.map(({ id }) => ({ user_id: id }));
  copyRows(file, { table: "user_roles", of: ["user_id", first.id], copies: roles });
  return [first, ...others];
}

function revokeSessions(file: string, count: number): void {
  const db = new Database(file);
  const now = Date.now();
  const insert = db.prepare(
    `insert into revocations (revision, kind, subject, value, recorded_at, expires_at)
     values (?, 'session_ended', ?, null, ?, ?)`,
  );
  const insertAll = db.transaction(() => {
    const newest = Number(db.prepare("select revision from revocation_log").pluck().get());
    for (let index = 1; index <= count; index += 1) {
      insert.run(newest + index, systemRandom.id("ses"), now, now + REVOKED_FOR_MS);
    }
    db.prepare("update revocation_log set revision = ?").run(newest + count);
  });
  insertAll.immediate();
  db.close();
}
