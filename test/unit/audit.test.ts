import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Audit, type AuditEvent, createAudit } from "../../src/audit/audit.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

let folder: string;
let clock: FakeClock;
let store: Store;
let audit: Audit;
let said: Record<string, unknown>[];

beforeEach(async () => {
  folder = temporaryFolder();
  clock = createFakeClock();
  store = await openSqliteStore({ file: join(folder, "sallyport.db"), clock });
  said = [];
  const destination = { write: (line: string) => void said.push(JSON.parse(line)) };
  audit = createAudit({ random: systemRandom, log: createLog({ level: "info", destination }) });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const record = (event: AuditEvent) => store.write((tx) => audit.record(tx, event));
const stored = () => store.read((db) => db.selectFrom("audit_events").selectAll().execute());

describe("The audit trail", () => {
  it("stores an event with the time of its write, and says it with the same ids and details", async () => {
    await record({ kind: "logout", userId: "usr_1", sessionId: "ses_1", actor: "usr_2", details: { sessions: 3 } });
    expect(await stored()).toEqual([
      {
        id: expect.stringMatching(/^evt_[0-9a-f-]{36}$/),
        recorded_at: clock.now(),
        kind: "logout",
        user_id: "usr_1",
        session_id: "ses_1",
        actor: "usr_2",
        details: '{"sessions":3}',
      },
    ]);
    expect(said).toMatchObject([
      { level: "info", event: "logout", user_id: "usr_1", session_id: "ses_1", actor: "usr_2", sessions: 3 },
    ]);
  });

  it("has null for whatever an event does not name", async () => {
    await record({ kind: "keys_created" });
    expect(await stored()).toMatchObject([{ user_id: null, session_id: null, actor: null, details: "{}" }]);
    expect(said).toMatchObject([{ user_id: null, session_id: null, actor: null }]);
  });

  it("neither stores nor says an event of a write that is undone", async () => {
    const undone = store.write(async (tx) => {
      await audit.record(tx, { kind: "login" });
      throw new Error("changed its mind");
    });
    await expect(undone).rejects.toThrow("changed its mind");
    expect([await stored(), said]).toEqual([[], []]);
  });

  it("says nothing before the write is kept", async () => {
    await store.write(async (tx) => {
      await audit.record(tx, { kind: "login" });
      expect(said).toEqual([]);
    });
    expect(said).toHaveLength(1);
  });

  it.each(["refresh_rotated", "refresh_repeated"] as const)(
    "says %s, but stores none: there are too many",
    async (kind) => {
      await record({ kind, sessionId: "ses_1" });
      expect(said).toMatchObject([{ event: kind, session_id: "ses_1" }]);
      expect(await stored()).toEqual([]);
    },
  );

  it.each(["refresh_reused", "refresh_from_future"] as const)("warns of %s", async (kind) => {
    await record({ kind });
    expect(said).toMatchObject([{ event: kind, level: "warn" }]);
    expect(await stored()).toHaveLength(1);
  });
});
