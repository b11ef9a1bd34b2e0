import { describe, expect, it } from "vitest";
import { deleteOldAuditEvents, insertAuditEvent } from "../../../src/store/queries/audit.ts";
import type { Queries } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { auditRow, THEN } from "./rows.ts";

const events = (db: Queries) => db.selectFrom("audit_events").selectAll().orderBy("id").execute();

/** The audit trail. */
export function describeAudit({ openStore }: Databases): void {
  describe("of the audit trail", () => {
    it("gives back what was stored, also of users and sessions that are not there any more", async () => {
      const store = await openStore();
      const row = auditRow("e1", { user_id: "gone", session_id: "gone", actor: "gone", details: '{"case":"reuse"}' });
      await store.write(({ db }) => insertAuditEvent(db, row));
      expect(await store.read(events)).toEqual([row]);
    });

    it("refuses a second event of the same id", async () => {
      const store = await openStore();
      await store.write(({ db }) => insertAuditEvent(db, auditRow("e1")));
      await expect(store.write(({ db }) => insertAuditEvent(db, auditRow("e1")))).rejects.toThrow();
    });

    it("deletes, up to a number, only what is older than a time", async () => {
      const store = await openStore();
      await store.write(async ({ db }) => {
        for (const [index, age] of [3, 2, 1, 0, -1].entries()) {
          await insertAuditEvent(db, auditRow(`e${index}`, { recorded_at: THEN - age }));
        }
      });
      const deleted = () => store.write(({ db }) => deleteOldAuditEvents(db, THEN, 2));
      expect([await deleted(), await deleted(), await deleted()]).toEqual([2, 1, 0]);
      expect((await store.read(events)).map(({ id }) => id)).toEqual(["e3", "e4"]);
    });
  });
}
