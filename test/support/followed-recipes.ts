/**
 * What somebody writes who follows the four recipes of CONTRIBUTING.md at once: an RPC that counts the caller's
 * sessions, a reason to refuse that, a setting to bound it, and a column with its migration.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Text that is put behind the one place where `behind` stands in a file; or a file of its own where that is `null`. */
export type Edit = { readonly file: string; readonly behind: string | null; readonly text: string };

/** Makes the edits in a copy of the checkout. @throws Error where a place is not there, or not the only one. */
export function edit(checkout: string, edits: readonly Edit[]): void {
  for (const { file, behind, text } of edits) {
    const path = join(checkout, file);
    if (behind === null) {
      writeFileSync(path, text);
      continue;
    }
    const parts = readFileSync(path, "utf8").split(behind);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places with ${JSON.stringify(behind)}`);
    writeFileSync(path, parts.join(`${behind}${text}`));
  }
}

const AUTH = "proto/sallyport/auth/v1";

/** The first steps of each: what is declared, and not done yet. */
export const DECLARED: readonly Edit[] = [
  {
    file: `${AUTH}/account_service.proto`,
    behind: `  option (sallyport.access.v1.default_rule) = {authenticated: true};
`,
    text: `
  // Counts the caller's live sessions.
  //
  // Callers: the signed-in user.
  // Fails with: SESSIONS_UNCOUNTED.
  // Retry: safe.
  rpc CountSessions(CountSessionsRequest) returns (CountSessionsResponse) {
    option idempotency_level = IDEMPOTENT;
  }
`,
  },
  {
    file: `${AUTH}/account_service.proto`,
    behind: `// Asks for the caller's account.
message GetAccountRequest {}
`,
    text: `
// Asks how many sessions the caller has.
message CountSessionsRequest {
  // Only sessions of this device; empty for all.
  string device_name = 1 [(buf.validate.field).string.max_len = 128];
}

// How many sessions the caller has.
message CountSessionsResponse {
  // How many.
  int32 count = 1;
}
`,
  },
  {
    file: `${AUTH}/error_reason.proto`,
    behind: `  ERROR_REASON_NEXT_KEY_TOO_NEW = 53;
`,
    text: `  // There are more sessions than this server counts. FAILED_PRECONDITION.
  ERROR_REASON_SESSIONS_UNCOUNTED = 54;
`,
  },
  {
    file: "src/settings.ts",
    behind: "export const SETTINGS = {\n",
    text: `  SALLYPORT_COUNTED_SESSIONS: { schema: whole(1, 100), default: "99", meaning: "how many sessions are counted" },
`,
  },
  { file: "src/store/schema.ts", behind: "type UsersTable = {\n", text: "  label: string;\n" },
];

/** All other steps. */
export const DONE: readonly Edit[] = [
  {
    file: "src/sessions/count-own-sessions.ts",
    behind: null,
    text: `import { Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Patience } from "../lib/patience.ts";
import { listLiveSessions } from "../store/queries/sessions.ts";
import type { Store } from "../store/store.ts";

/** How many live sessions the user has, on one device or all. @throws Refusal SESSIONS_UNCOUNTED. */
export type CountOwnSessions = (userId: string, deviceName: string, patience: Patience) => Promise<number>;

/** A {@link CountOwnSessions} that counts up to \`most\`. */
export function createSessionCount(deps: {
  readonly read: Store["read"];
  readonly clock: Clock;
  readonly most: number;
}): CountOwnSessions {
  const { read, clock, most } = deps;
  return async function countOwnSessions(userId, deviceName, patience) {
    const page = { userId, now: clock.now(), before: "", limit: most + 1 };
    const sessions = await read((db) => listLiveSessions(db, page), patience);
    if (sessions.length > most) throw new Refusal("SESSIONS_UNCOUNTED");
    return sessions.filter(({ device_name }) => deviceName === "" || device_name === deviceName).length;
  };
}
`,
  },
  {
    file: "src/core.ts",
    behind: 'import { createOwnSessionRevocation } from "./sessions/own-sessions.ts";\n',
    text: 'import { createSessionCount } from "./sessions/count-own-sessions.ts";\n',
  },
  {
    file: "src/core.ts",
    behind: "      revokeOwnSession: createOwnSessionRevocation({ commit, audit }),\n",
    text: "      countOwnSessions: createSessionCount({ read: store.read, clock, most: config.countedSessions }),\n",
  },
  {
    file: "test/rpc/deadlines-in-the-database.test.ts",
    behind: "const ASKS = [\n",
    text: '  "AccountService.CountSessions",\n',
  },
  { file: "src/app.ts", behind: "createAccountService({ read, ", text: "countOwnSessions: core.countOwnSessions, " },
  {
    file: "src/rpc/account-service.ts",
    behind: "type AccountServiceDeps = {\n",
    text: "  readonly countOwnSessions: CountOwnSessions;\n",
  },
  {
    file: "src/rpc/account-service.ts",
    behind: 'import type { Clock } from "../lib/clock.ts";\n',
    text: 'import type { CountOwnSessions } from "../sessions/count-own-sessions.ts";\n',
  },
  {
    file: "src/rpc/account-service.ts",
    behind: "pageTokens, revisionOf, clock } = deps;\n  return {\n",
    text: `    async countSessions({ deviceName }, context) {
      return { count: await deps.countOwnSessions(userOf(context).userId, deviceName, context) };
    },
`,
  },
  {
    file: "src/errors.ts",
    behind: "export const REASONS = {\n",
    text: `  SESSIONS_UNCOUNTED: { code: "FailedPrecondition", message: "there are too many sessions; end some first" },
`,
  },
  {
    file: "src/config.ts",
    behind: "    dataDir: values.SALLYPORT_DATA_DIR,\n",
    text: "    countedSessions: values.SALLYPORT_COUNTED_SESSIONS,\n",
  },
  {
    file: "src/store/migrations/0002-user-labels.ts",
    behind: null,
    text: `import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { textOf } from "./text.ts";

/** A label for each user. */
export const userLabels: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable("users")
      .addColumn("label", textOf(db), (column) => column.notNull().defaultTo(""))
      .execute();
  },
};
`,
  },
  {
    file: "src/store/migrate.ts",
    behind: 'Migrator } from "kysely/migration";\n',
    text: 'import { userLabels } from "./migrations/0002-user-labels.ts";\n',
  },
  {
    file: "src/store/migrate.ts",
    behind: "const MIGRATIONS: Readonly<Record<string, Migration>> = {",
    text: ' "0002-user-labels": userLabels, ',
  },
  { file: "src/store/tables.ts", behind: '    email_verified: "value",\n', text: '    label: "value",\n' },
  { file: "src/users/create-user.ts", behind: "      email_verified: 0,\n", text: '      label: "",\n' },
  { file: "test/store/conformance/rows.ts", behind: "    email_verified: 0,\n", text: '    label: "",\n' },
  { file: "test/rpc/list-users.test.ts", behind: "    email_verified: 0,\n", text: '    label: "",\n' },
  {
    file: "test/rpc/count-sessions.test.ts",
    behind: null,
    text: `import { afterAll, beforeAll, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_COUNTED_SESSIONS: "1" } });
});
afterAll(() => app.close());

it("Sessions are counted, up to what the setting says", async () => {
  const { account } = await welcome(app, "ada");
  expect((await account.countSessions({})).count).toBe(1);
  await logIn(app, "ada");
  expect(await refusalOf(account.countSessions({}))).toMatchObject({
    code: "FailedPrecondition",
    reason: "SESSIONS_UNCOUNTED",
  });
});
`,
  },
];
