/** Many watchers of one feed. */
import type { ClientHttp2Session } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VerifierService, type WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { endSessions } from "../support/bulk-sessions.ts";
import { concurrently } from "../support/concurrently.ts";
import { delegate } from "../support/delegating.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openSession, type RawWatcher, watchRaw } from "../support/raw-watcher.ts";
import { serviceKey } from "../support/watching.ts";

/** So many have more patience than `eventually`. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 100_000, interval: 50 });

let app: TestApp;
let admin: Person;
let apiKey: string;

beforeEach(async () => {
  app = await startApp();
  admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
  return () => app.close();
});

/** What a watcher is told, until the signal aborts. */
async function* eventsOf(transport: Transport, signal: AbortSignal): AsyncGenerator<WatchResponse["event"]> {
  const headers = { authorization: `Bearer ${apiKey}` };
  for await (const { event } of createClient(VerifierService, transport).watch({}, { headers, signal })) yield event;
}

/** The sessions whose end an event tells. */
function endedIn(event: WatchResponse["event"]): string[] {
  if (event.case !== "batch") return [];
  return event.value.entries.flatMap(({ change }) => (change.case === "sessionEnded" ? [change.value.sessionId] : []));
}

/** True when it is called first. */
function firstTime(): () => boolean {
  let isFirst = true;
  return () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
}

describe("A thousand watchers", () => {
  const WATCHERS = 1_000;
  const PER_CONNECTION = 100;
  const LOGOUTS = 15;

  it("all hear of every logout, once and in order", { timeout: 240_000 }, async () => {
    const stop = new AbortController();
    const transports = Array.from({ length: WATCHERS / PER_CONNECTION }, () =>
      createGrpcTransport({ baseUrl: app.url }),
    );
    const heard: string[][] = Array.from({ length: WATCHERS }, () => []);
    let ready = 0;
    const watching = heard.map(async (own, index) => {
      const transport = transports[index % transports.length] ?? expect.unreachable();
      const isFirst = firstTime();
      for await (const event of eventsOf(transport, stop.signal)) {
        if (event.case === "checkpoint" && isFirst()) ready += 1;
        own.push(...endedIn(event));
      }
    });
    const failures: unknown[] = [];
    const outcomes = Promise.all(watching.map((each) => each.catch((error) => failures.push(error))));
    await eventually(() => [ready, failures]).toEqual([WATCHERS, []]);
    const ended: string[] = [];
    for (let count = 0; count < LOGOUTS; count += 1) {
      const { auth, tokens } = await logIn(app, "ada");
      await auth.logout({ refreshToken: tokens.refreshToken });
      ended.push(tokens.sessionId);
    }
    await eventually(() => heard.filter((own) => own.length >= LOGOUTS).length).toBe(WATCHERS);
    for (const own of heard) expect(own).toEqual(ended);
    expect(failures).toEqual([]);
    stop.abort();
    await outcomes;
    expect(failures).toHaveLength(WATCHERS);
  });
});

describe("Watchers that do not read", () => {
  let sessions: ClientHttp2Session[] = [];
  afterEach(() => {
    for (const session of sessions) session.destroy();
    sessions = [];
  });

  /** A watcher that reads the beginning and then nothing, until it is resumed. */
  async function watchAndStop(session: ClientHttp2Session): Promise<RawWatcher> {
    const watcher = watchRaw(session, apiKey);
    await watcher.begun;
    watcher.pause();
    return watcher;
  }

  function opened(): ClientHttp2Session {
    const session = openSession(app);
    sessions.push(session);
    return session;
  }

  it("hold no more than a message each, however much is told", { timeout: 240_000 }, async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    const used = () => {
      if (typeof collect === "function") collect();
      const { heapUsed, external } = process.memoryUsage();
      return (heapUsed + external) / 2 ** 20;
    };
    const WATCHERS = 100;
    const both = [opened(), opened()];
    await concurrently(20, Array.from({ length: WATCHERS }), (_, index) =>
      watchAndStop(both[index % 2] ?? expect.unreachable()),
    );
    const verifier = delegate(app, apiKey);
    await verifier.ready();
    await endSessions(app, 10_000);
    await eventually(() => verifier.state().revision?.number).toBeGreaterThan(10_000);
    const before = used();
    for (let turn = 0; turn < 2; turn += 1) {
      const { revision } = verifier.state();
      await endSessions(app, 20_000);
      await eventually(() => verifier.state().revision?.number).toBeGreaterThanOrEqual(
        (revision?.number ?? 0) + 20_000,
      );
    }
    // 40,000 entries of some 80 bytes for each of 100 would be 320 MB; the ring and two tables of them are some 20.
    expect(used() - before).toBeLessThan(100);
  });
});
