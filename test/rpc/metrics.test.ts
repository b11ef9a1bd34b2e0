/** What operators are told in figures, and what never gets into them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { codeName } from "../../src/rpc/observe.ts";
import { CODES } from "../../src/telemetry/request-meter.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { METHODS } from "../support/methods.ts";
import { scrape } from "../support/metrics.ts";
import { logIn, passwordOf, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { generationOf, newAttempt, refresh, refreshChain } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { serviceKey, watch } from "../support/watching.ts";

/** One hash at a time and sixteen waiting, each slow enough that sixty find the queue full. */
const SLOW_HASHES = {
  SALLYPORT_HASH_PERMITS: "1",
  SALLYPORT_ARGON2_MEMORY_KIB: "16384",
  SALLYPORT_ARGON2_PASSES: "2",
};

let app: TestApp;
beforeEach(async () => {
  app = await startApp({ settings: { SALLYPORT_METRICS: "on" } });
});
afterEach(() => app.close());

const look = () => scrape(`${app.url}/metrics`);
const requests = (rpc: string, code: string) => `sallyport_requests_total{rpc="${rpc}",code="${code}"}`;
const auth = (method: string, code: string) => requests(`sallyport.auth.v1.AuthService/${method}`, code);
const decisions = (decision: string, reason: string) =>
  `sallyport_decisions_total{decision="${decision}",reason="${reason}"}`;
const refreshes = (name: string) => `sallyport_refreshes_total{case="${name}"}`;

describe("Requests", () => {
  it("are counted by RPC and status code, refusals too", async () => {
    await signUp(app, "ada");
    await signUp(app, "bob");
    await refusalOf(signUp(app, "ada"));
    await refusalOf(clientsOf(app.url).account.getAccount({}));
    const figures = await look();
    expect(figures.value(auth("Signup", "OK"))).toBe(2);
    expect(figures.value(auth("Signup", "ALREADY_EXISTS"))).toBe(1);
    expect(figures.value(requests("sallyport.auth.v1.AccountService/GetAccount", "UNAUTHENTICATED"))).toBe(1);
  });

  it("are timed by RPC, each in one bucket and all above it", async () => {
    await signUp(app, "ada");
    const rpc = "sallyport.auth.v1.AuthService/Signup";
    const figures = await look();
    expect(figures.value(`sallyport_request_duration_seconds_count{rpc="${rpc}"}`)).toBe(1);
    expect(figures.value(`sallyport_request_duration_seconds_bucket{le="+Inf",rpc="${rpc}"}`)).toBe(1);
    expect(figures.value(`sallyport_request_duration_seconds_sum{rpc="${rpc}"}`)).toBeGreaterThan(0);
  });

  it("are counted even if they never become a call: what cannot be read, and RPCs that are not there", async () => {
    const post = (path: string) =>
      fetch(`${app.url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
    await post("sallyport.auth.v1.AuthService/Login");
    await post("sallyport.auth.v1.AuthService/Nothing");
    const figures = await look();
    expect(figures.value(auth("Login", "INVALID_ARGUMENT"))).toBe(1);
    expect(figures.value(requests("unknown", "UNIMPLEMENTED"))).toBe(1);
  });

  it("make no series of what a client sends", async () => {
    const before = (await look()).text.split("\n").length;
    for (let index = 0; index < 40; index += 1) {
      const headers = { "content-type": "application/grpc", te: "trailers", traceparent: `made-up-${index}` };
      await fetch(`${app.url}/made.up.Service${index}/Method`, { method: "POST", headers, body: "" });
      await fetch(`${app.url}/metrics?made-up-${index}`);
    }
    const figures = await look();
    expect(figures.value(requests("unknown", "UNIMPLEMENTED"))).toBe(40);
    expect(figures.text).not.toMatch(/made.up/);
    expect(figures.text.split("\n").length).toBe(before + 1);
  });

  it("have a series from the start for every RPC, those of health and reflection too", async () => {
    const figures = await look();
    for (const { method } of METHODS) expect(figures.value(requests(nameOf(method), "OK"))).toBe(0);
    for (const method of Health.methods) expect(figures.value(requests(nameOf(method), "OK"))).toBe(0);
    const timed = figures.seriesOf("sallyport_request_duration_seconds_count");
    expect(timed.filter((series) => series.includes("Health/Watch"))).toEqual([]);
  });

  it("know every status code that an RPC can end with", () => {
    const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
    expect([...CODES].sort()).toEqual(["OK", ...codes.map(codeName)].sort());
  });
});

describe("Decisions", () => {
  it("are counted by what was decided, for every item of a batch alike", async () => {
    const ada = await welcome(app, "ada");
    const { accessToken } = ada.tokens;
    await ada.auth.authorize({ accessToken });
    await ada.auth.authorize({ accessToken: "nonsense" });
    await ada.auth.batchAuthorize({
      items: [
        { correlationId: "1", request: { accessToken } },
        { correlationId: "2", request: { accessToken, anyRole: ["admin"] } },
      ],
    });
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    await ada.auth.authorize({ accessToken });
    const figures = await look();
    expect(figures.value(decisions("granted", ""))).toBe(2);
    expect(figures.value(decisions("denied", "TOKEN_INVALID"))).toBe(1);
    expect(figures.value(decisions("denied", "ROLE_MISSING"))).toBe(1);
    expect(figures.value(decisions("denied", "SESSION_REVOKED"))).toBe(1);
    expect(figures.value(decisions("denied", "TOKEN_EXPIRED"))).toBe(0);
  });

  it("are not those of the guard, whose refusals are requests", async () => {
    await refusalOf(clientsOf(app.url, "nonsense").account.getAccount({}));
    expect((await look()).value(decisions("denied", "TOKEN_INVALID"))).toBe(0);
  });
});

describe("Sessions and refreshes", () => {
  it("count a session for each login, and none for one that is refused", async () => {
    await welcome(app, "ada");
    await logIn(app, "ada");
    await refusalOf(clientsOf(app.url).auth.login({ identifier: "ada", password: "not the password" }));
    expect((await look()).value("sallyport_sessions_started_total")).toBe(2);
  });

  it("count each case of a refresh by its name", async () => {
    const { tokens } = await welcome(app, "ada");
    const attempt = newAttempt();
    const next = await refresh(app, tokens.refreshToken, attempt);
    await refresh(app, tokens.refreshToken, attempt);
    const chain = await refreshChain(app, next.refreshToken, 2);
    expect((await refusalOf(refresh(app, next.refreshToken))).reason).toBe("REFRESH_TOKEN_SUPERSEDED");
    app.clock.advance(31_000);
    expect((await refusalOf(refresh(app, tokens.refreshToken))).reason).toBe("REFRESH_TOKEN_REUSED");
    expect(generationOf(chain.at(-1) ?? "")).toBe(4);
    const figures = await look();
    expect(figures.value(refreshes("rotate"))).toBe(3);
    expect(figures.value(refreshes("repeat"))).toBe(1);
    expect(figures.value(refreshes("superseded"))).toBe(1);
    expect(figures.value(refreshes("reuse"))).toBe(1);
    expect(figures.value(refreshes("from_future"))).toBe(0);
  });
});

describe("The state of the instance", () => {
  it("shows the revision of the log, what is held of it and how old that is", async () => {
    const ada = await welcome(app, "ada");
    const before = await look();
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    const after = await look();
    expect(after.value("sallyport_log_revision")).toBe(before.value("sallyport_log_revision") + 1);
    expect(before.value("sallyport_revocations_held")).toBe(0);
    expect(after.value("sallyport_revocations_held")).toBe(1);
    expect(after.value("sallyport_log_as_of_age_seconds")).toBe(0);
    expect(after.value("sallyport_ready")).toBe(1);
  });

  it("shows how many watch the revocation feed", async () => {
    const admin = await welcomeAdmin(app);
    const key = await serviceKey(admin, "orders");
    await watch(app, key, async ({ case: kind }) => {
      if (kind !== "checkpoint") return false;
      expect((await look()).value("sallyport_feed_watchers")).toBe(1);
      return true;
    });
    await eventually(async () => (await look()).value("sallyport_feed_watchers")).toBe(0);
  });

  it("shows the hash queue while it is full, and counts whoever finds it so", async () => {
    const slow = await startApp({ settings: { SALLYPORT_METRICS: "on", ...SLOW_HASHES } });
    const { login } = clientsOf(slow.url).auth;
    const refusals = Array.from({ length: 60 }, () =>
      refusalOf(login({ identifier: "nobody", password: passwordOf("nobody") })),
    );
    await Promise.race(refusals);
    const full = await scrape(`${slow.url}/metrics`);
    const busy = (await Promise.all(refusals)).filter(({ reason }) => reason === "BUSY").length;
    const after = await scrape(`${slow.url}/metrics`);
    await slow.close();
    expect(full.value("sallyport_password_hashes_running")).toBe(1);
    expect(full.value("sallyport_password_hashes_waiting")).toBeGreaterThan(0);
    expect(busy).toBeGreaterThan(0);
    expect(after.value("sallyport_password_hashes_refused_total")).toBe(busy);
    expect(after.value(auth("Login", "RESOURCE_EXHAUSTED"))).toBe(busy);
    expect(after.value("sallyport_password_hashes_waiting")).toBe(0);
  });

  it("shows the process: memory, processor time, delay of the event loop", async () => {
    const figures = await look();
    expect(figures.value("process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(figures.value("process_cpu_seconds_total")).toBeGreaterThan(0);
    expect(figures.value('sallyport_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0);
    expect(figures.seriesOf("sallyport_build_info")).toHaveLength(1);
  });
});

it("Every metric is told of in docs/operations.md, and none that is not there", async () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
  const section = text.slice(text.indexOf("## Metrics"), text.indexOf("## Traces"));
  const told = [...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name);
  const there = [...(await look()).text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
  expect(told.sort()).toEqual(there.sort());
});

it("No figure tells who: neither names, ids, tokens nor addresses", async () => {
  const ada = await welcome(app, "ada-lovelace");
  await ada.account.getAccount({});
  const { text } = await look();
  const { accessToken, refreshToken, sessionId } = ada.tokens;
  for (const secret of ["lovelace", ada.userId, sessionId, accessToken, refreshToken, "127.0.0.1"])
    expect(text).not.toContain(secret);
});

it("Two instances in one process count apart", async () => {
  const other = await startApp({ settings: { SALLYPORT_METRICS: "on" } });
  await signUp(other, "ada");
  expect((await look()).value(auth("Signup", "OK"))).toBe(0);
  expect((await scrape(`${other.url}/metrics`)).value(auth("Signup", "OK"))).toBe(1);
  await other.close();
});

function nameOf({ parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `${parent.typeName}/${name}`;
}
