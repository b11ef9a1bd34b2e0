import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizeRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Core } from "../../src/core.ts";
import { Refusal } from "../../src/errors.ts";
import { type Authorize, createAuthorize } from "../../src/rpc/authorize.ts";
import { logPosition } from "../../src/store/queries/revocations.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type Question, verdictOf } from "../support/decisions.ts";
import { logIn, type Person, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** Two instances on one database. */
let app: TestApp;
let second: TestApp;
let alice: Person;

beforeAll(async () => {
  app = await startApp();
  second = await startApp({ dataDir: app.dataDir, clock: app.clock });
  alice = await welcome(app, "alice");
  await signUp(app, "isolated");
});
afterAll(async () => {
  await second.close();
  await app.close();
});

/** Where the log stands, with `app` knowing it: the other instance may have written last. */
async function presentRevision() {
  const position = await app.beside(({ store }) => store.read(logPosition));
  const minRevision = { logId: position?.log_id ?? "", number: BigInt(position?.revision ?? 0) };
  const { revision } = await alice.auth.authorize({ accessToken: alice.tokens.accessToken, minRevision });
  expect(revision).toMatchObject(minRevision);
  return minRevision;
}

describe("min_revision", () => {
  it("that is reached changes nothing", async () => {
    const { logId, number } = await presentRevision();
    for (const reached of [number, number - 1n, 0n]) {
      const minRevision = { logId, number: reached };
      const answer = await alice.auth.authorize({ accessToken: alice.tokens.accessToken, minRevision });
      expect(verdictOf(answer)).toBe("GRANTED");
      expect(answer.revision?.number).toBe(number);
    }
  });

  it("makes another instance know, without a wait, what this one has answered", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { auth, tokens } = await logIn(app, "alice");
      const { revision } = await auth.logout({});
      const question = { accessToken: tokens.accessToken, ...(revision && { minRevision: revision }) };
      const answer = await clientsOf(second.url).auth.authorize(question);
      expect(verdictOf(answer)).toBe("SESSION_REVOKED, LOG_IN");
      expect(answer.revision?.number).toBeGreaterThanOrEqual(revision?.number ?? 0n);
    }
  });

  it.each(WIRE_FORMS)(
    "that the database does not have is refused after one read, over $name",
    async ({ transport }) => {
      const { auth } = clientsOf(app.url, "", transport);
      const { logId, number } = await presentRevision();
      for (const ahead of [1n, 1000n, 2n ** 53n - 1n - number]) {
        const minRevision = { logId, number: number + ahead };
        const refusal = await refusalOf(auth.authorize({ accessToken: alice.tokens.accessToken, minRevision }));
        expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "REVISION_UNKNOWN" });
      }
    },
  );

  it("of another log is refused, however small", async () => {
    const { number } = await presentRevision();
    for (const minRevision of [
      { logId: "another-log", number: 0n },
      { logId: "another-log", number },
    ]) {
      const refusal = await refusalOf(alice.auth.authorize({ accessToken: alice.tokens.accessToken, minRevision }));
      expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "REVISION_UNKNOWN" });
    }
  });

  it("is looked at before the token", async () => {
    const minRevision = { logId: "another-log", number: 0n };
    expect((await refusalOf(alice.auth.authorize({ accessToken: "x", minRevision }))).reason).toBe("REVISION_UNKNOWN");
  });

  it("is the same on both instances, and counts without a gap", async () => {
    const before = await presentRevision();
    const people = await Promise.all(Array.from({ length: 8 }, () => logIn(app, "alice")));
    const answers = await Promise.all(
      people.map(({ tokens }, index) => {
        const { auth } = clientsOf((index % 2 === 0 ? app : second).url, tokens.accessToken);
        return auth.logout({});
      }),
    );
    const numbers = answers
      .map(({ revision }) => Number((revision?.number ?? 0n) - before.number))
      .sort((a, b) => a - b);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(answers.map(({ revision }) => revision?.logId))).toEqual(new Set([before.logId]));
  });
});

describe("max_staleness", () => {
  it("is met by an instance that reads the log", async () => {
    const question = { accessToken: alice.tokens.accessToken, maxStaleness: durationFromMs(60_000) };
    expect(verdictOf(await alice.auth.authorize(question))).toBe("GRANTED");
  });
});

/** What a cut-off instance is told to have until the deadline, which itself never comes. */
const TIME_LEFT_MS = 120;

describe("An instance that is cut off from its database", () => {
  /** `Authorize` over a core whose database was closed under it. */
  async function cutOff(
    work: (authorize: (question: Question) => Promise<Awaited<ReturnType<Authorize>>>, core: Core) => Promise<void>,
  ) {
    await app.beside(async (core) => {
      const authorize = createAuthorize({ ...core, clock: app.clock });
      await core.store.close();
      const limits = { signal: new AbortController().signal, timeoutMs: () => TIME_LEFT_MS };
      await work(async (question) => authorize(create(AuthorizeRequestSchema, question), limits), core);
    });
  }

  it("goes on answering what it may, and says how old its knowledge is", async () => {
    await cutOff(async (authorize) => {
      const { accessToken } = (await logIn(app, "isolated")).tokens;
      const { asOf: fresh } = await authorize({ accessToken });
      app.clock.advance(60_000);
      const { asOf, decision } = await authorize({ accessToken });
      expect(asOf).toEqual(fresh);
      expect(decision).toMatchObject({ case: "granted", value: { cacheFor: { seconds: 0n, nanos: 0 } } });
    });
  });

  it("refuses to answer who asks for fresher knowledge than it has", async () => {
    await cutOff(async (authorize) => {
      const { accessToken } = (await logIn(app, "isolated")).tokens;
      app.clock.advance(5_000);
      expect(verdictOf(await authorize({ accessToken, maxStaleness: durationFromMs(5_000) }))).toBe("GRANTED");
      const refusal = authorize({ accessToken, maxStaleness: durationFromMs(4_999) });
      await expect(refusal).rejects.toMatchObject({ reason: "TOO_STALE", retryAfterMs: 1000 });
    });
  });

  it("says so in time for its answer to get through before the deadline", async () => {
    await cutOff(async (authorize, core) => {
      const minRevision = { logId: core.knowledge.logId(), number: BigInt(core.knowledge.revision() + 1) };
      const refusal = authorize({ accessToken: alice.tokens.accessToken, minRevision });
      await expect(refusal).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED", retryAfterMs: 1000 });
    });
  });

  it("waits for a revision until the deadline, then says that it did not reach it", async () => {
    await cutOff(async (_authorize, core) => {
      const minRevision = { logId: core.knowledge.logId(), number: core.knowledge.revision() + 1 };
      const outcome = core.waitForRevision(minRevision, AbortSignal.timeout(50)).catch((error: unknown) => error);
      const refusal = await outcome;
      expect(refusal).toBeInstanceOf(Refusal);
      expect(refusal).toMatchObject({ reason: "REVISION_NOT_REACHED", retryAfterMs: 1000 });
    });
  });

  it("lets only so many wait at once", async () => {
    await cutOff(async (_authorize, core) => {
      const minRevision = { logId: core.knowledge.logId(), number: core.knowledge.revision() + 1 };
      const end = new AbortController();
      const outcomes: string[] = [];
      const waits = Array.from({ length: 1_003 }, (_, index) =>
        core.waitForRevision(minRevision, end.signal).catch((error: unknown) => {
          if (error instanceof Refusal) outcomes.push(`${error.reason} of ${index < 1_000 ? "the first" : "the last"}`);
        }),
      );
      await Promise.all(waits.slice(1_000));
      expect(outcomes).toEqual(Array(3).fill("REVISION_NOT_REACHED of the last"));
      end.abort();
      await Promise.all(waits);
      expect(outcomes).toHaveLength(1_003);
    });
  });
});
