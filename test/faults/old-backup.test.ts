/** An old backup in the database's place: what of it can be noticed is, and once it is declared nothing lives that was ended. */
import { randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Revision } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import { StartOverReasonSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { workOn } from "../support/folder.ts";
import { logIn, passwordOf, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { ENGINES } from "../support/two-apps.ts";
import { theOnly, untilCheckpoint, watch } from "../support/watching.ts";
import { type BackedUp, makeBackedUp } from "./support/backed-up.ts";
import { type Chance, createChance } from "./support/chance.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const ROUNDS = scaled({ full: 12, short: 1 });
const PEOPLE = scaled({ full: 20, short: 8 });

/** Somebody, every token that they were given, and what they did after the backup. */
type Somebody = {
  readonly username: string;
  readonly accessTokens: string[];
  readonly refreshTokens: string[];
  readonly did: "nothing" | "refreshed" | "logged out" | "refreshed and logged out" | "joined";
};

/** All that was said before the backup was put back. */
type Past = { readonly people: readonly Somebody[]; readonly apiKey: string; readonly revision: Revision };

const realTime: FakeClock = { now: () => Date.now(), advance: () => {} };
const start = ({ dataDir, settings }: BackedUp) => startApp({ dataDir, settings, clock: realTime });

async function arrive(app: TestApp, username: string, did: Somebody["did"]): Promise<Somebody> {
  const { tokens } = await welcome(app, username);
  return { username, did, accessTokens: [tokens.accessToken], refreshTokens: [tokens.refreshToken] };
}

/** Does what is said of the person; the revision of a logout. */
async function act(app: TestApp, { did, accessTokens, refreshTokens }: Somebody): Promise<Revision | undefined> {
  const { auth } = clientsOf(app.url);
  const newest = () => ({ refreshToken: refreshTokens.at(-1) ?? "" });
  if (did.startsWith("refreshed")) {
    const next = await auth.refresh({ ...newest(), attemptId: randomBytes(16) });
    accessTokens.push(next.accessToken);
    refreshTokens.push(next.refreshToken);
  }
  return did.endsWith("logged out") ? (await auth.logout(newest())).revision : undefined;
}

/** Lives before the backup, takes it, and goes on living. */
async function live(database: BackedUp, chance: Chance): Promise<Past> {
  const app = await start(database);
  const { apiKey } = await app.beside((core) => core.services.create("watcher", ["feed:watch"], null));
  const people: Somebody[] = [];
  const doings = ["nothing", "refreshed", "logged out", "refreshed and logged out"] as const;
  for (let index = 0; index < PEOPLE; index += 1) {
    // Each at least once.
    const did = doings[index] ?? chance.oneOf(doings);
    people.push(await arrive(app, `before${index}`, did));
  }
  await database.backUp();
  const revisions: (Revision | undefined)[] = [];
  for (const somebody of people) revisions.push(await act(app, somebody));
  people.push(await arrive(app, "after", "joined"));
  await app.close();
  const revision = revisions.findLast((each) => each !== undefined);
  if (revision === undefined) throw new Error("nobody logged out");
  return { people, apiKey, revision };
}

/** Why a verifier that had come so far must start over. */
async function startOver(app: TestApp, { apiKey, revision }: Past): Promise<string | undefined> {
  const { reason } = theOnly(await watch(app, apiKey, untilCheckpoint, { after: revision }), "startOver").value;
  return StartOverReasonSchema.value[reason]?.localName;
}

/** Whoever asks for what is known since is told that it is not. */
async function expectRevisionUnknown(app: TestApp, { revision }: Past): Promise<void> {
  const authorize = clientsOf(app.url).auth.authorize({ accessToken: "any", minRevision: revision });
  expect(await refusalOf(authorize)).toMatchObject({ reason: "REVISION_UNKNOWN" });
}

async function expectNoticed(app: TestApp, past: Past): Promise<void> {
  await expectRevisionUnknown(app, past);
  expect(await startOver(app, past)).toBe("UNKNOWN");
  const { auth } = clientsOf(app.url);
  for (const { did, refreshTokens } of past.people) {
    const refreshToken = refreshTokens.at(-1) ?? "";
    const refresh = () => auth.refresh({ refreshToken, attemptId: randomBytes(16) });
    if (did.startsWith("refreshed")) {
      // Again and again, and never taken for a theft.
      for (let time = 0; time < 2; time += 1)
        expect(await refusalOf(refresh())).toMatchObject({ reason: "REFRESH_TOKEN_FROM_FUTURE" });
    }
    if (did === "joined") expect(await refusalOf(refresh())).toMatchObject({ reason: "SESSION_ENDED" });
    if (did === "nothing") await refresh();
  }
}

async function expectNothingLives(app: TestApp, past: Past): Promise<void> {
  await expectRevisionUnknown(app, past);
  expect(await startOver(app, past)).toBe("LOG_REPLACED");
  const { auth } = clientsOf(app.url);
  const verdicts = new Set<string>();
  const reasons = new Set<string | null>();
  for (const { accessTokens, refreshTokens } of past.people) {
    for (const accessToken of accessTokens) verdicts.add(verdictOf(await auth.authorize({ accessToken })));
    for (const refreshToken of refreshTokens) reasons.add((await refusalOf(auth.refresh({ refreshToken }))).reason);
  }
  expect([...verdicts]).toEqual(["TOKEN_INVALID, LOG_IN"]);
  expect([...reasons]).toEqual(["SESSION_ENDED"]);
}

describe.each(ENGINES)("An old backup on %s", (engine) => {
  it(
    "is noticed where it can be, and once it is declared, nothing lives that was ended since",
    async () => {
      const chance = createChance(`old-backup on ${engine}`);
      for (let round = 0; round < ROUNDS; round += 1) {
        const database = await makeBackedUp(engine);
        onTestFinished(() => database.remove());
        const past = await live(database, chance);
        await database.restore();
        const undeclared = await start(database);
        await expectNoticed(undeclared, past);
        await undeclared.close();

        await workOn(database.dataDir, (core) => core.declareRestored(), database.settings);
        const declared = await start(database);
        await expectNothingLives(declared, past);
        expect((await logIn(declared, "before0")).tokens.user?.username).toBe("before0");
        const after = { username: "after", password: passwordOf("after") };
        expect((await clientsOf(declared.url).auth.signup(after)).user?.username).toBe("after");
        await declared.close();
      }
    },
    FAULT_TEST_MS,
  );
});
