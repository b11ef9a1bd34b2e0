/** An instance that cannot read the log: it knows what it knew, says how old that is, and stops calling itself ready. */
import { join } from "node:path";
import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { type Person, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { serviceKey, theOnly, untilCheckpoint, watch } from "../support/watching.ts";

/** How old knowledge may be and still count as fresh. */
const BOUND_MS = 10_000;

let app: TestApp;
let ada: Person;
let operator: Database.Database;

beforeEach(async () => {
  app = await startApp();
  ada = await welcome(app, "ada");
  operator = new Database(join(app.dataDir, "sallyport.db"));
});
afterEach(async () => {
  operator.close();
  await app.close();
});

const hideLog = () => operator.exec("alter table revocation_log rename to hidden");
const showLog = () => operator.exec("alter table hidden rename to revocation_log");
const said = (event: string) => app.logged().filter((line) => line.event === event);

/** Asks about the access token, with knowledge of a certain age at most. */
const authorize = (maxStalenessMs?: number) =>
  ada.auth.authorize({
    accessToken: ada.tokens.accessToken,
    ...(maxStalenessMs === undefined ? {} : { maxStaleness: durationFromMs(maxStalenessMs) }),
  });

async function asOf(): Promise<number> {
  const { asOf: time } = await authorize();
  return time === undefined ? 0 : timestampMs(time);
}

/** What readiness says over plain HTTP, and health over gRPC. */
async function readiness(): Promise<readonly [number, Status]> {
  const { status } = await fetch(`${app.url}/readyz`);
  const health = createClient(Health, createGrpcTransport({ baseUrl: app.url }));
  return [status, (await health.check({})).status];
}

/** Hides the log, and waits until the instance has noticed. */
async function loseLog(): Promise<void> {
  hideLog();
  await eventually(() => said("log_unreadable")).toHaveLength(1);
}

describe("While the log cannot be read", () => {
  it("a clock that was put back makes nothing look younger, and breaks no answer", async () => {
    const key = await serviceKey(await welcomeAdmin(app), "orders");
    await loseLog();
    // The instance does not go back with it.
    const time = app.clock.now();
    app.clock.advance(-60_000);
    // The machine's own count has to be a second ahead of that clock before it counts.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const age = time - (await asOf());
    expect(age).toBeGreaterThanOrEqual(1_000);
    const { asOf: told, serverTime } = theOnly(await watch(app, key, untilCheckpoint), "checkpoint").value;
    const toldAge = Number(serverTime?.seconds) * 1000 - (told === undefined ? Number.NaN : timestampMs(told));
    expect(toldAge).toBeGreaterThanOrEqual(age);
  });

  it("as_of stays where it was, and the answer may be kept no longer than the bound after it", async () => {
    const before = await asOf();
    await loseLog();
    app.clock.advance(4_000);
    expect(await asOf()).toBe(before);
    const { decision } = await authorize();
    expect(decision).toMatchObject({ case: "granted", value: { cacheFor: { seconds: 6n, nanos: 0 } } });
    app.clock.advance(BOUND_MS);
    const late = await authorize();
    expect(late.decision).toMatchObject({ case: "granted", value: { cacheFor: { seconds: 0n, nanos: 0 } } });
    expect(await asOf()).toBe(before);
  });

  it("max_staleness turns too old into UNAVAILABLE, with a time to come back, and lets through what is young enough", async () => {
    await loseLog();
    app.clock.advance(5_000);
    expect(verdictOf(await authorize(5_000))).toBe("GRANTED");
    expect(await refusalOf(authorize(4_999))).toMatchObject({
      code: "Unavailable",
      reason: "TOO_STALE",
      retryDelayMs: 1000,
    });
    expect(verdictOf(await authorize())).toBe("GRANTED");
  });

  it("the instance is ready until the bound, and not from there on", async () => {
    await loseLog();
    app.clock.advance(BOUND_MS - 1);
    expect(await readiness()).toEqual([200, Status.SERVING]);
    app.clock.advance(1);
    expect(await readiness()).toEqual([503, Status.NOT_SERVING]);
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
  });

  it("a revision that memory has not reached is waited for until the deadline, and is never guessed at", async () => {
    const { revision } = await authorize();
    if (revision === undefined) throw new Error("no revision");
    await loseLog();
    const minRevision = { logId: revision.logId, number: revision.number + 1n };
    const question = { accessToken: ada.tokens.accessToken, minRevision };
    // The server's clock alone: where both stand still together, the client's own might end first.
    const refusal = await refusalOf(ada.auth.authorize(question, { headers: { "connect-timeout-ms": "300" } }));
    expect(refusal).toMatchObject({ code: "Unavailable", reason: "REVISION_NOT_REACHED" });
  });

  it("it is said once, not at every look, and once more when it is over", async () => {
    await loseLog();
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect([said("log_unreadable").length, said("log_read_again").length]).toEqual([1, 0]);
    showLog();
    await eventually(() => said("log_read_again")).toHaveLength(1);
    expect(said("log_unreadable")).toMatchObject([{ level: "error", error: { message: expect.any(String) } }]);
  });
});

describe("Once the log can be read again", () => {
  it("the instance is fresh and ready, and knows what happened meanwhile", async () => {
    await loseLog();
    app.clock.advance(2 * BOUND_MS);
    expect((await readiness())[0]).toBe(503);
    showLog();
    operator.exec("update revocation_log set revision = revision + 1");
    operator
      .prepare("insert into revocations select revision, 'session_ended', ?, null, 0, ? from revocation_log")
      .run(ada.tokens.sessionId, app.clock.now() + 600_000);
    await eventually(readiness).toEqual([200, Status.SERVING]);
    expect(verdictOf(await authorize(1))).toBe("SESSION_REVOKED, LOG_IN");
    expect(await asOf()).toBe(app.clock.now());
  });

  it("a waiting question is answered", async () => {
    const { revision } = await authorize();
    if (revision === undefined) throw new Error("no revision");
    await loseLog();
    const minRevision = { logId: revision.logId, number: revision.number + 1n };
    const answer = ada.auth.authorize({ accessToken: ada.tokens.accessToken, minRevision });
    await new Promise((resolve) => setTimeout(resolve, 50));
    operator.exec(
      "update hidden set revision = revision + 1; insert into revocations select revision, 'keys_changed', '', null, 0, 0 from hidden",
    );
    showLog();
    expect(verdictOf(await answer)).toBe("GRANTED");
    expect((await answer).revision?.number).toBe(minRevision.number);
  });
});

describe("When the log was replaced", () => {
  it("answers name the new one, and revisions of the old one are refused", async () => {
    const { revision: old } = await authorize();
    if (old === undefined) throw new Error("no revision");
    operator.exec("update revocation_log set log_id = 'another', revision = 0, floor = 0; delete from revocations");
    await eventually(async () => (await authorize()).revision?.logId).toBe("another");
    const question = ada.auth.authorize({ accessToken: ada.tokens.accessToken, minRevision: old });
    expect(await refusalOf(question)).toMatchObject({ code: "FailedPrecondition", reason: "REVISION_UNKNOWN" });
  });

  it("changes are counted in the new one", async () => {
    operator.exec("update revocation_log set log_id = 'another', revision = 0, floor = 0; delete from revocations");
    const { revision } = await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    expect(revision).toMatchObject({ logId: "another", number: 1n });
    expect(verdictOf(await authorize())).toBe("SESSION_REVOKED, LOG_IN");
  });
});
