/** Copies that are refused before anything is touched. */
import { describe, expect, it } from "vitest";
import { MIGRATION_NAMES } from "../../src/store/migrate.ts";
import { TABLES, type TableName } from "../../src/store/tables.ts";
import { auditRow, keyRow, serviceRow, sessionRow, THEN, userRow } from "../store/conformance/rows.ts";
import { copyBetween, DIRECTIONS, everyRow, makeCopyPlace, makePair } from "../support/copying.ts";
import { fill } from "../support/filled.ts";

/** A row of each table, which is enough for it not to be empty. */
const ROWS = {
  users: userRow("usr_1"),
  sessions: sessionRow("ses_1", "usr_1"),
  session_rotations: { session_id: "ses_1", generation: 1, rotated_at: THEN },
  roles: { name: "clerk", built_in: 0, deleted_at: null },
  role_permissions: { role: "user", permission: "orders:read" },
  user_roles: { user_id: "usr_1", role: "user" },
  signing_keys: keyRow("one"),
  services: serviceRow("svc_1"),
  meta: { name: "max_access_ttl_ms", value: "1" },
  revocation_log: { id: 1, log_id: "another", revision: 0, floor: 0 },
  revocations: { revision: 1, kind: "session_ended", subject: "s", value: null, recorded_at: 1, expires_at: 1 },
  audit_events: auditRow("evt_1"),
} as const;

/** The rows that a row refers to. */
const REFERRED: Partial<Record<TableName, readonly TableName[]>> = {
  sessions: ["users"],
  session_rotations: ["users", "sessions"],
  user_roles: ["users"],
};

function insertionOf(table: TableName): string {
  const [columns, values] = [Object.keys(ROWS[table]), Object.values(ROWS[table])];
  const literals = values.map((value) => (value === null ? "null" : `'${value}'`));
  return `insert into ${table} ("${columns.join('", "')}") values (${literals.join(", ")})`;
}

/** Takes it away again, and nothing that was there before. */
function deletionOf(table: TableName): string {
  const [[column, value] = []] = Object.entries(ROWS[table]);
  return `delete from ${table} where "${column}" = '${value}'`;
}

describe.each(DIRECTIONS.slice(0, 2))("A copy from %s to %s", (...direction) => {
  it("is refused by a target with a row in any table, and changes neither", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    await (await target.open()).close();
    const was = await everyRow(source);
    for (const { name } of TABLES) {
      const tables = [...(REFERRED[name] ?? []), name];
      await target.ask(...tables.map(insertionOf));
      await expect(copyBetween(source, target)).rejects.toThrow(
        `holds data already (${tables.join(", ")}); name an empty database, or empty that one`,
      );
      // Only what was added is taken away again: had the copy left anything, the next one would be refused for it.
      await target.ask(...tables.toReversed().map((table) => deletionOf(table)));
    }
    expect(await everyRow(source)).toEqual(was);
    expect((await copyBetween(source, target)).tables).not.toBeNull();
  });

  it("is refused by a target that a newer version wrote, or that belongs to another application", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    await (await target.open()).close();
    await target.ask("insert into kysely_migration (name, timestamp) values ('9999-later', 'then')");
    await expect(copyBetween(source, target)).rejects.toThrow(/written by a newer version of Sallyport \(9999-later\)/);
    const foreign = await makeCopyPlace(direction[1]);
    if (direction[1] === "PostgreSQL") {
      await foreign.ask("create table orders (id integer)");
      await expect(copyBetween(source, foreign)).rejects.toThrow(/holds tables of another application/);
    }
  });

  it("is refused of a source of another version, and of one that was never used", async () => {
    const { source, target } = await makePair(direction);
    await expect(copyBetween(source, target)).rejects.toThrow(/there is nothing to copy in .*: it was made, and never/);
    await fill(source);
    await source.ask("insert into kysely_migration (name, timestamp) values ('9999-later', 'then')");
    await expect(copyBetween(source, target)).rejects.toThrow(/written by a newer version of Sallyport \(9999-later\)/);
    await source.ask("delete from kysely_migration");
    await expect(copyBetween(source, target)).rejects.toThrow(
      `written by an older version of Sallyport (${MIGRATION_NAMES.join(", ")} is missing); bring it up to this one`,
    );
  });

  it("is refused of a source that is not there, which is not made either", async () => {
    const [source, target] = [await makeCopyPlace(direction[0]), await makeCopyPlace(direction[1])];
    await expect(copyBetween(source, target)).rejects.toThrow(/there is no database .*in .*; name the/);
    await expect(copyBetween(source, target)).rejects.toThrow(/there is no database .*in .*; name the/);
  });

  it("is refused into itself", async () => {
    const { source } = await makePair(direction);
    await fill(source);
    await expect(copyBetween(source, source)).rejects.toThrow(/is both source and target; name two databases/);
  });

  it("is refused of a source that was copied elsewhere; and is done already where it was copied to", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { to } = await copyBetween(source, target);
    const third = await makeCopyPlace("SQLite");
    await expect(copyBetween(source, third)).rejects.toThrow(`was copied to ${to} and is sealed; copy that one`);
    expect(await copyBetween(source, target)).toMatchObject({ to, tables: null });
  });
});

describe("Two copies at once into one database", () => {
  it("are one copy, and a refusal", async () => {
    const { source, target } = await makePair(["SQLite", "PostgreSQL"]);
    const other = await makeCopyPlace("PostgreSQL");
    await fill(source);
    await fill(other);
    const tries = await Promise.allSettled([copyBetween(source, target), copyBetween(other, target)]);
    expect(tries.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [failed] = tries.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
    expect(failed).toMatch(/holds data already/);
  });
});
