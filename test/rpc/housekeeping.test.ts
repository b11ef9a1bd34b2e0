/** What is tidied away, and that nothing which was revoked comes alive by it. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHousekeeping } from "../../src/housekeeping.ts";
import { createLog } from "../../src/log.ts";
import { insertAuditEvent } from "../../src/store/queries/audit.ts";
import { insertSession } from "../../src/store/queries/sessions.ts";
import type { Queries } from "../../src/store/store.ts";
import { HANDOVER_MS } from "../../src/tokens/key-life.ts";
import { auditRow, sessionRow } from "../store/conformance/rows.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock, type WrongClock } from "../support/fake-clock.ts";
import { logIn, type Person, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** Life of an access token, and how long a session lives without a refresh. */
const ACCESS_MS = 600 * SECOND;
const IDLE_MS = 14 * DAY;

let clock: WrongClock;
let app: TestApp;
let ada: Person;

beforeEach(async () => {
  clock = createFakeClock();
  app = await startApp({ clock });
  ada = await welcome(app, "ada");
});
afterEach(() => app.close());

/** Tidies up by a clock of which a time is past for certain: that of the instance itself, unless another is named. */
const tidy = (earliest = app.clock.now) =>
  app.beside(({ store, serviceUse }) =>
    createHousekeeping({
      store,
      serviceUse,
      earliest,
      log: createLog({ level: "silent" }),
    }).tidy(),
  );
const read = <T>(work: (db: Queries) => Promise<T>) => app.beside(({ store }) => store.read(work));
const countEntries = async () => (await read((db) => db.selectFrom("revocations").select("revision").execute())).length;
const sessionIds = async () =>
  (await read((db) => db.selectFrom("sessions").select("id").orderBy("id").execute())).map(({ id }) => id);

/** What is decided by the instance, and by one that has just started and knows only what the database kept. */
async function verdicts(accessToken: string): Promise<readonly string[]> {
  const newcomer = await startApp({ dataDir: app.dataDir, clock: app.clock });
  const ask = async ({ url }: TestApp) => verdictOf(await clientsOf(url).auth.authorize({ accessToken }));
  const both = [await ask(app), await ask(newcomer)];
  await newcomer.close();
  return both;
}

const both = (verdict: string) => [verdict, verdict];

describe("A revocation", () => {
  it("is not forgotten by a clock that is ahead", async () => {
    const { accessToken, refreshToken } = ada.tokens;
    await ada.auth.logout({ refreshToken });
    const entries = await countEntries();
    const trueTime = app.clock.now();
    clock.step(2 * ACCESS_MS);
    await tidy(() => trueTime);
    clock.step(-2 * ACCESS_MS);
    expect(await countEntries()).toBe(entries);
    expect(await verdicts(accessToken)).toEqual(both("SESSION_REVOKED, LOG_IN"));
  });

  it("is kept until the last token that it concerns is dead, then forgotten, and nothing comes alive", async () => {
    const { accessToken, refreshToken } = ada.tokens;
    await ada.auth.logout({ refreshToken });
    const entries = await countEntries();
    for (const step of [0, ACCESS_MS / 2, ACCESS_MS / 2 - 1]) {
      app.clock.advance(step);
      await tidy();
      expect(await verdicts(accessToken)).toEqual(both("SESSION_REVOKED, LOG_IN"));
    }
    app.clock.advance(1);
    expect(await verdicts(accessToken)).toEqual(both("TOKEN_EXPIRED, REFRESH"));
    await tidy();
    app.clock.advance(1);
    await tidy();
    expect(await countEntries()).toBeLessThan(entries);
    expect(await verdicts(accessToken)).toEqual(both("TOKEN_EXPIRED, REFRESH"));
    expect(await refusalOf(ada.auth.refresh({ refreshToken }))).toMatchObject({ reason: "SESSION_ENDED" });
  });

  it("is kept for the last token of the session, not for the first", async () => {
    app.clock.advance(ACCESS_MS / 2);
    const fresh = await ada.auth.refresh({ refreshToken: ada.tokens.refreshToken });
    await ada.auth.logout({ refreshToken: fresh.refreshToken });
    app.clock.advance(ACCESS_MS - 1);
    await tidy();
    expect(await verdicts(fresh.accessToken)).toEqual(both("SESSION_REVOKED, LOG_IN"));
    app.clock.advance(2);
    await tidy();
    expect(await verdicts(fresh.accessToken)).toEqual(both("TOKEN_EXPIRED, REFRESH"));
  });

  it("is kept for a token that was issued when an answer was repeated", async () => {
    const attempt = { refreshToken: ada.tokens.refreshToken, attemptId: randomBytes(16) };
    await ada.auth.refresh(attempt);
    app.clock.advance(ACCESS_MS - SECOND);
    const repeated = await ada.auth.refresh(attempt);
    await ada.auth.logout({ refreshToken: repeated.refreshToken });
    app.clock.advance(ACCESS_MS - SECOND);
    await tidy();
    expect(await verdicts(repeated.accessToken)).toEqual(both("SESSION_REVOKED, LOG_IN"));
  });

  it("of a user's privileges is kept for the last token of any of its sessions", async () => {
    app.clock.advance(ACCESS_MS / 2);
    const later = await logIn(app, "ada");
    await app.beside((core) => core.assignRoles(ada.userId, [], null));
    app.clock.advance(ACCESS_MS - 1);
    await tidy();
    await eventually(() => verdicts(later.tokens.accessToken)).toEqual(both("PRIVILEGES_CHANGED, REFRESH"));
    app.clock.advance(2);
    await tidy();
    expect(await verdicts(later.tokens.accessToken)).toEqual(both("TOKEN_EXPIRED, REFRESH"));
  });

  it("that is forgotten leaves a floor, and later changes are obeyed as ever", async () => {
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    app.clock.advance(2 * ACCESS_MS);
    await tidy();
    const position = await read((db) => db.selectFrom("revocation_log").selectAll().executeTakeFirstOrThrow());
    expect(position.floor).toBe(position.revision);
    const again = await logIn(app, "ada");
    expect(await verdicts(again.tokens.accessToken)).toEqual(both("GRANTED"));
    const { revision } = await again.auth.logout({ refreshToken: again.tokens.refreshToken });
    expect(Number(revision?.number)).toBe(position.revision + 1);
    expect(await verdicts(again.tokens.accessToken)).toEqual(both("SESSION_REVOKED, LOG_IN"));
  });
});

describe("A session", () => {
  it("is deleted when its time is over, not before, and no other with it", async () => {
    const own = ada.tokens.sessionId;
    app.clock.advance(IDLE_MS);
    const bob = await welcome(app, "bob");
    await tidy();
    expect(await sessionIds()).toEqual([own, bob.tokens.sessionId]);
    app.clock.advance(1);
    await tidy();
    expect(await sessionIds()).toEqual([bob.tokens.sessionId]);
    expect(await refusalOf(ada.auth.refresh({ refreshToken: ada.tokens.refreshToken }))).toMatchObject({
      reason: "REFRESH_TOKEN_EXPIRED",
    });
  });

  it("that was ended stays until then, so that its tokens are told why", async () => {
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    app.clock.advance(IDLE_MS - SECOND);
    await tidy();
    expect(await refusalOf(ada.auth.refresh({ refreshToken: ada.tokens.refreshToken }))).toMatchObject({
      reason: "SESSION_ENDED",
    });
  });

  it("is deleted however many others are", async () => {
    const dead = { refresh_expires_at: 1, access_expires_at: 1 };
    await app.beside(({ store }) =>
      store.write(async ({ db }) => {
        for (let index = 0; index < 1_200; index += 1) {
          await insertSession(db, sessionRow(`ses_${index}`, ada.userId, dead));
        }
      }),
    );
    await tidy();
    expect(await sessionIds()).toEqual([ada.tokens.sessionId]);
  });
});

describe("A key", () => {
  const kids = async () => {
    const text = await (await fetch(`${app.url}/.well-known/jwks.json`)).text();
    const { keys }: { readonly keys: readonly { readonly kid: string }[] } = JSON.parse(text);
    return keys.map(({ kid }) => kid).sort();
  };

  it("that is retired stays until its last token is dead; the others stay for good", async () => {
    const rotation = await app.beside((core) => core.rotateKeys(true, null));
    const { active, next, retired } = rotation;
    await eventually(kids).toEqual([active, next, retired].sort());
    app.clock.advance(ACCESS_MS - 1);
    await tidy();
    expect(await verdicts(ada.tokens.accessToken)).toEqual(both("GRANTED"));
    expect(await kids()).toEqual([active, next, retired].sort());
    app.clock.advance(HANDOVER_MS + 2);
    await tidy();
    await eventually(kids).toEqual([active, next].sort());
    app.clock.advance(400 * DAY);
    await tidy();
    expect(await kids()).toEqual([active, next].sort());
    expect(await verdicts((await logIn(app, "ada")).tokens.accessToken)).toEqual(both("GRANTED"));
  });

  it("of refresh tokens outlives everything", async () => {
    await app.beside((core) => core.rotateKeys(true, null));
    app.clock.advance(IDLE_MS - SECOND);
    await tidy();
    const fresh = await ada.auth.refresh({ refreshToken: ada.tokens.refreshToken });
    expect(fresh.sessionId).toBe(ada.tokens.sessionId);
  });
});

describe("Housekeeping in a worker that leaves the deleting to another", () => {
  it("deletes nothing, and writes what it has noted", async () => {
    await app.beside(({ services }) => services.create("orders", [], null));
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    app.clock.advance(IDLE_MS + 90 * DAY);
    const [sessions, entries] = [await sessionIds(), await countEntries()];
    const [service] = await read((db) => db.selectFrom("services").select("id").execute());
    await app.beside(async ({ store, serviceUse }) => {
      serviceUse.note(service?.id ?? "");
      const log = createLog({ level: "silent" });
      await createHousekeeping({ store, serviceUse, earliest: app.clock.now, log, sweeps: false }).tidy();
    });
    expect([await sessionIds(), await countEntries()]).toEqual([sessions, entries]);
    expect(sessions).toHaveLength(1);
    const uses = await read((db) => db.selectFrom("services").select("last_used_at").execute());
    expect(uses).toEqual([{ last_used_at: app.clock.now() }]);
    await tidy();
    expect(await sessionIds()).toEqual([]);
  });
});

describe("An audit event", () => {
  it("is kept for ninety days, to the millisecond, whatever becomes of those whom it names", async () => {
    const now = app.clock.now();
    await app.beside(({ store }) =>
      store.write(async ({ db }) => {
        await insertAuditEvent(db, auditRow("evt_old", { recorded_at: now - 90 * DAY - 1 }));
        await insertAuditEvent(db, auditRow("evt_young", { recorded_at: now - 90 * DAY, user_id: "usr_gone" }));
      }),
    );
    await tidy();
    const left = await read((db) => db.selectFrom("audit_events").select(["id", "kind"]).execute());
    const named = left.map(({ id, kind }) => (id.startsWith("evt_old") || id.startsWith("evt_young") ? id : kind));
    expect(named.sort()).toEqual(["evt_young", "keys_created", "login", "user_created"]);
  });
});
