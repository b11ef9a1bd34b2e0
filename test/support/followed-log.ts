/** A revocation log in a real database, somebody who follows it, and others who write to it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { createKnowledge } from "../../src/check/knowledge.ts";
import { createLog } from "../../src/log.ts";
import { createFeed } from "../../src/revocations/feed.ts";
import { createLogFollower } from "../../src/revocations/log-follower.ts";
import { appendRevocation, createLogOnce, type RevocationRow } from "../../src/store/queries/revocations.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolder } from "./app.ts";
import { createFakeClock } from "./fake-clock.ts";

/** A minute, in milliseconds: so long the tokens live that entries concern. */
export const MINUTE = 60_000;

/** An entry of which a test states what matters to it. */
export type Entry = Partial<Pick<RevocationRow, "kind" | "subject" | "value" | "expires_at">>;

/** Makes an empty log called `log one`, with a follower that has not read it yet. All of it is gone when the test is over. */
export async function followLog() {
  const folder = temporaryFolder();
  const clock = createFakeClock();
  const file = join(folder, "sallyport.db");
  const store = await openSqliteStore({ file, clock });
  const other = await openSqliteStore({ file, clock });
  const operator = new Database(file);
  await store.write(({ db }) => createLogOnce(db, "log one"));
  const knowledge = createKnowledge();
  const keys: { loads: number; fault: Error | null } = { loads: 0, fault: null };
  const feed = createFeed({ knowledge, clock, tick: () => performance.now(), checkpointMs: 50 });
  const follower = createLogFollower({
    store,
    knowledge,
    feed,
    async loadKeys() {
      keys.loads += 1;
      if (keys.fault !== null) throw keys.fault;
    },
    clock,
    earliest: clock.now,
    log: createLog({ level: "silent" }),
  });
  onTestFinished(async () => {
    follower.stop();
    operator.close();
    await other.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return {
    clock,
    /** The follower's own. */
    store,
    /** Another process's. */
    other,
    /** What changes the past: an operator, a restore. */
    operator,
    knowledge,
    feed,
    follower,
    /** How often the follower loaded the keys, and why that is to fail. */
    keys,
    /** Appends from another process; the revision of the last. */
    append: (...entries: Entry[]): Promise<number> =>
      other.write(async (tx) => {
        let revision = 0;
        for (const { kind = "session_ended", subject = "s", value = null, expires_at = tx.now + MINUTE } of entries) {
          revision = await appendRevocation(tx, { kind, subject, value, expires_at });
        }
        return revision;
      }),
    /** Which of the sessions the follower knows to be ended. */
    ended: (...ids: string[]) => ids.map((id) => knowledge.revocations.isSessionEnded(id)),
    grants: (role: string, permission: string) => knowledge.roles.grants([role], permission),
    position: () => [knowledge.logId(), knowledge.revision()],
  };
}
