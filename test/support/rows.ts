/** Rows of an instance's database, looked at and changed from beside it, as an operator or a restore would. */
import type { Selectable, Updateable } from "kysely";
import type { Schema } from "../../src/store/schema.ts";
import type { TestApp } from "./app.ts";

/** The session's row; fails if there is none. */
export function sessionRow(app: TestApp, id: string): Promise<Selectable<Schema["sessions"]>> {
  return app.beside(({ store }) =>
    store.read((db) => db.selectFrom("sessions").selectAll().where("id", "=", id).executeTakeFirstOrThrow()),
  );
}

/** How many sessions the user has, live or not. */
export function countSessions(app: TestApp, userId: string): Promise<number> {
  return app.beside(({ store }) =>
    store.read(async (db) => {
      const rows = await db.selectFrom("sessions").select("id").where("user_id", "=", userId).execute();
      return rows.length;
    }),
  );
}

/** Changes a session behind the instance's back. */
export async function changeSession(app: TestApp, id: string, change: Updateable<Schema["sessions"]>): Promise<void> {
  await app.beside(({ store }) =>
    store.write(({ db }) => db.updateTable("sessions").set(change).where("id", "=", id).execute()),
  );
}

/** The user's row; fails if there is none. */
export function userRow(app: TestApp, id: string): Promise<Selectable<Schema["users"]>> {
  return app.beside(({ store }) =>
    store.read((db) => db.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirstOrThrow()),
  );
}

/** Changes a user behind the instance's back. */
export async function changeUser(app: TestApp, id: string, change: Updateable<Schema["users"]>): Promise<void> {
  await app.beside(({ store }) =>
    store.write(({ db }) => db.updateTable("users").set(change).where("id", "=", id).execute()),
  );
}

/** Deletes a user behind the instance's back. */
export async function deleteUser(app: TestApp, id: string): Promise<void> {
  await app.beside(({ store }) => store.write(({ db }) => db.deleteFrom("users").where("id", "=", id).execute()));
}

/** What the audit trail tells of a session, the oldest first. */
export async function auditOf(app: TestApp, sessionId: string): Promise<readonly AuditedEvent[]> {
  const rows = await app.beside(({ store }) =>
    store.read((db) =>
      db.selectFrom("audit_events").selectAll().where("session_id", "=", sessionId).orderBy("id").execute(),
    ),
  );
  return rows.map(({ kind, user_id: userId, actor, details }) => ({
    kind,
    userId,
    actor,
    details: JSON.parse(details),
  }));
}

/** An event of the audit trail. */
export type AuditedEvent = {
  readonly kind: string;
  readonly userId: string | null;
  readonly actor: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};
