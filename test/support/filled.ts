/** A database with rows of all kinds in every table. */
import type { Tx } from "../../src/store/store.ts";
import { auditRow, keyRow, serviceRow, sessionRow, THEN, userRow } from "../store/conformance/rows.ts";
import type { CopyPlace } from "./copying.ts";

/** Texts that engines are known to differ about: in their order, their length, or at all. */
const TEXTS = [
  "",
  " ",
  "a",
  "B",
  "ä",
  "Z",
  "é",
  "\u{10ffff}",
  "\uffee",
  "🪁",
  "'; --",
  '{"a": "\\u0000"}',
  "\t\n\\",
  "null",
];
/** One more than two pages of them. */
export const MANY = 2_001;
/** Enough where nothing depends on pages. */
export const FEW = 21;
/** So many rotations has each session, so that pages end between those of one. */
const ROTATIONS = 3;
/** Rows that go into one statement. */
const AT_ONCE = 400;

/** Fills a database, with so many sessions; the name of its log is `log`, whose newest revision is 7. */
export async function fill(place: CopyPlace, count = FEW): Promise<void> {
  const store = await place.open();
  await store.write((tx) => fillTables(tx, count));
  await store.close();
}

async function fillTables({ db }: Tx, count: number): Promise<void> {
  const users = TEXTS.map((text, index) =>
    userRow(`usr_${index}`, { username: `${index} ${text}`, email: index % 2 === 0 ? null : `${index}@example.com` }),
  );
  await db
    .insertInto("users")
    .values([...users, userRow("usr_off", { state: "disabled", epoch: 9 })])
    .execute();
  const sessions = Array.from({ length: count }, (_, index) =>
    sessionRow(`ses_${index}`, `usr_${index % TEXTS.length}`, {
      generation: index + 1,
      device_name: TEXTS[index % TEXTS.length] ?? "",
      attempt_hash: index % 3 === 0 ? `hash ${index}` : null,
      ended_at: index % 5 === 0 ? THEN + index : null,
    }),
  );
  const rotations = sessions.flatMap(({ id }) =>
    Array.from({ length: ROTATIONS }, (_, index) => ({ session_id: id, generation: index, rotated_at: THEN + index })),
  );
  for (const some of pieces(sessions)) await db.insertInto("sessions").values(some).execute();
  for (const some of pieces(rotations)) await db.insertInto("session_rotations").values(some).execute();
  await db.insertInto("roles").values({ name: "clerk", built_in: 0, deleted_at: null }).execute();
  await db.insertInto("roles").values({ name: "gone", built_in: 0, deleted_at: THEN }).execute();
  await db.insertInto("role_permissions").values({ role: "clerk", permission: "orders:*" }).execute();
  await db
    .insertInto("user_roles")
    .values([
      { user_id: "usr_1", role: "admin" },
      { user_id: "usr_1", role: "clerk" },
    ])
    .execute();
  await db
    .insertInto("signing_keys")
    .values([keyRow("one"), keyRow("two", { expires_at: THEN })])
    .execute();
  await db
    .insertInto("services")
    .values([serviceRow("svc_1"), serviceRow("svc_2", { revoked_at: THEN })])
    .execute();
  await db.insertInto("meta").values({ name: "issuer", value: "http://sallyport.test" }).execute();
  await db.insertInto("revocation_log").values({ id: 1, log_id: "log", revision: 7, floor: 5 }).execute();
  const entry = { subject: "ses_1", value: null, recorded_at: THEN, expires_at: 4_000_000_000_000 };
  await db
    .insertInto("revocations")
    .values([
      { ...entry, revision: 6, kind: "session_ended" },
      { ...entry, revision: 7, kind: "user_epoch", value: "9" },
    ])
    .execute();
  const events = TEXTS.map((text, index) => auditRow(`evt_${index}`, { details: JSON.stringify({ text }) }));
  await db.insertInto("audit_events").values(events).execute();
}

function pieces<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / AT_ONCE) }, (_, index) =>
    items.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
  );
}
