/** What every service must do that delegates by `Authorize`, in whatever language it is. */
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as http2Connect } from "node:http2";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, temporaryFolder } from "../../support/app.ts";
import { clientsOf } from "../../support/clients.ts";
import { logIn, type Person, welcome } from "../../support/people.ts";
import { ask2, envelope } from "../../support/wire-raw.ts";
import {
  build,
  type ExampleService,
  layOut,
  logInAnHourAgo,
  populate,
  type RunningService,
  readStream,
  startService,
} from "./delegating-service.ts";
import { callGrpc, connectTo, detailsOf, loadProtos, type Service, serviceIn } from "./grpc-js.ts";
import { replaceThe } from "./proxy.ts";
import { startTarget, type Target } from "./target.ts";
import { UNFIT_RULES } from "./unfit-rules.ts";

const SETTINGS = { SALLYPORT_AUDIENCES: "sallyport,orders", SALLYPORT_AUTHORIZE_CALLERS: "services" };
/** Lets an HTTP/2 client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };
const PROTO = "orders/v1/orders.proto";

/** Generates the tests of an example. */
export function describeDelegating(kind: ExampleService): void {
  describe(kind.name, () => {
    let folder: string;
    let own: string;
    let target: Target;
    let service: RunningService;
    let client: Client;
    let orders: Service;
    let apiKey: string;
    let admin: Person;
    let user: Person;
    /** A session of the administrator's, whose password was given an hour ago. */
    let old: Awaited<ReturnType<typeof logInAnHourAgo>>;

    beforeAll(async () => {
      folder = temporaryFolder();
      own = await layOut(kind, folder);
      await build(kind, own);
      const data = join(folder, "data");
      ({ apiKey } = await populate(data, SETTINGS));
      old = await logInAnHourAgo(data, "ada", SETTINGS);
      target = await startTarget({ ...SETTINGS, SALLYPORT_DATA_DIR: data });
      [admin, user] = await Promise.all([logIn(target, "ada", ["orders"]), logIn(target, "alice", ["orders"])]);
      service = await start(target, apiKey);
      client = connectTo(service.address);
      orders = serviceIn(loadProtos([PROTO], [join(own, "proto")]), "orders.v1.Orders");
    });
    afterAll(async () => {
      client.close();
      await service.close();
      await target.close();
      rmSync(folder, { recursive: true });
    });

    const start = ({ address }: Pick<Target, "address">, key: string) =>
      startService(kind, own, { SALLYPORT_ADDRESS: address, SALLYPORT_API_KEY: key });

    /** Calls with a token, or with no credential; what came of it. */
    const call = (name: string, token: string | null, over = client) =>
      callWith(name, token === null ? null : `Bearer ${token}`, over);
    const callWith = async (name: string, authorization: string | null, over = client) => {
      const metadata = authorization === null ? [] : [["authorization", authorization] as const];
      const { error, value } = await callGrpc(over, orders, name, { item: "kite" }, { metadata }).ended;
      return error === null ? value : refusalIn(error);
    };

    it("lets those call whom the rules in its proto name, and knows them by name", async () => {
      const [adas, alices] = [admin.tokens.accessToken, user.tokens.accessToken];
      expect(await call("PlaceOrder", alices)).toEqual({ item: "kite", buyer: "alice" });
      expect(await call("RefundOrder", adas)).toEqual({ refundedBy: "ada" });
      expect(await readStream(client, orders, "WatchOrders", adas)).toEqual({
        messages: [{ item: "kite", watcher: "ada" }],
        error: null,
      });
    });

    it("lets anybody call what is public, and takes nobody for the caller before", async () => {
      for (const token of [admin.tokens.accessToken, null, "made.up.token"])
        expect(await call("GetHours", token)).toEqual({ hours: "from nine to five" });
    });

    it.each([
      ["no token", () => null, "TOKEN_MISSING", "LOG_IN"],
      ["a token that is made up", () => "made.up.token", "TOKEN_INVALID", "LOG_IN"],
      ["a refresh token", () => user.tokens.refreshToken, "TOKEN_INVALID", "LOG_IN"],
      ["its own API key", () => apiKey, "TOKEN_INVALID", "LOG_IN"],
      ["a token that has expired", () => old.accessToken, "TOKEN_EXPIRED", "REFRESH"],
    ])("refuses %s as UNAUTHENTICATED, and says what to do", async (_what, token, reason, nextStep) => {
      const wanted = { code: "UNAUTHENTICATED", reason: `ERROR_REASON_${reason}`, nextStep: `NEXT_STEP_${nextStep}` };
      expect(await call("PlaceOrder", token())).toEqual(wanted);
      const { messages, error } = await readStream(client, orders, "WatchOrders", token());
      expect([messages, error === null ? null : refusalIn(error)]).toEqual([[], wanted]);
    });

    it("refuses a token for another audience", async () => {
      const { tokens } = await logIn(target, "alice", ["sallyport"]);
      expect(await call("PlaceOrder", tokens.accessToken)).toEqual({
        code: "UNAUTHENTICATED",
        reason: "ERROR_REASON_AUDIENCE_MISMATCH",
        nextStep: null,
      });
    });

    it("refuses a role and a permission that are missing as PERMISSION_DENIED", async () => {
      const { accessToken } = user.tokens;
      expect(await call("RefundOrder", accessToken)).toEqual({
        code: "PERMISSION_DENIED",
        reason: "ERROR_REASON_PERMISSION_MISSING",
        nextStep: null,
      });
      const { error } = await readStream(client, orders, "WatchOrders", accessToken);
      expect(error === null ? null : refusalIn(error)).toMatchObject({
        code: "PERMISSION_DENIED",
        reason: "ERROR_REASON_ROLE_MISSING",
      });
    });

    it("refuses a password that was given too long ago, where its rule asks for that", async () => {
      const { accessToken } = await clientsOf(target.url).auth.refresh({ refreshToken: old.refreshToken });
      expect(await call("PlaceOrder", accessToken)).toMatchObject({ buyer: "ada" });
      expect(await call("RefundOrder", accessToken)).toEqual({
        code: "UNAUTHENTICATED",
        reason: "ERROR_REASON_AUTHENTICATION_TOO_OLD",
        nextStep: "NEXT_STEP_STEP_UP",
      });
    });

    it("refuses after a logout, at once", async () => {
      const { auth, tokens } = await logIn(target, "alice", ["orders"]);
      expect(await call("PlaceOrder", tokens.accessToken)).toMatchObject({ buyer: "alice" });
      await auth.logout({ refreshToken: tokens.refreshToken });
      expect(await call("PlaceOrder", tokens.accessToken)).toEqual({
        code: "UNAUTHENTICATED",
        reason: "ERROR_REASON_SESSION_REVOKED",
        nextStep: "NEXT_STEP_LOG_IN",
      });
    });

    it.each([
      ["another scheme", () => "Basic YWRhOnBhc3N3b3Jk"],
      ["two tokens in one", (good: string) => `${good}, ${good}`],
      ["a space too many", (good: string) => good.replace(".", ". ")],
      ["more than 8 KiB", () => `Bearer ${"a".repeat(8193)}`],
    ])("refuses authorization that is none: %s", async (_what, header) => {
      for (const name of ["PlaceOrder", "GetHours"])
        expect(await callWith(name, header(`Bearer ${user.tokens.accessToken}`))).toMatchObject({
          code: "INVALID_ARGUMENT",
          reason: "ERROR_REASON_AUTHORIZATION_MALFORMED",
        });
    });

    it("refuses two authorization headers, which most clients cannot even send", async () => {
      const session = http2Connect(`http://${service.address}`, LENIENT);
      onTestFinished(() => session.destroy());
      const good = `Bearer ${user.tokens.accessToken}`;
      const codes = [good, [good, good], [good, "Bearer made.up.token"]].map(async (authorization) => {
        const headers = { "content-type": "application/grpc", te: "trailers", authorization };
        const asked = {
          method: "POST",
          path: "/orders.v1.Orders/PlaceOrder",
          headers,
          body: envelope(Buffer.alloc(0)),
        };
        const answer = await ask2(0, asked, session);
        return Number(answer.trailers["grpc-status"] ?? answer.headers["grpc-status"]);
      });
      expect(await Promise.all(codes)).toEqual([status.OK, status.INVALID_ARGUMENT, status.INVALID_ARGUMENT]);
    });

    it("decides for each of many calls at once by its own token", async () => {
      const tokens = [admin.tokens.accessToken, user.tokens.accessToken, "made.up.token", null];
      const answers = await Promise.all(
        Array.from({ length: 80 }, (_, index) => call("PlaceOrder", tokens[index % 4] ?? null)),
      );
      const told = answers.map(({ buyer, reason }) => buyer ?? reason);
      const wanted = ["ada", "alice", "ERROR_REASON_TOKEN_INVALID", "ERROR_REASON_TOKEN_MISSING"];
      expect(told).toEqual(Array.from({ length: 80 }, (_, index) => wanted[index % 4]));
    });

    it.each([
      ["its API key is not one", () => `sallyport_svk_${"A".repeat(43)}`],
      ["it has no API key", () => ""],
    ])("is UNAVAILABLE, and sends nobody to log in, if %s", async (_what, key) => {
      const strange = await start(target, key());
      onTestFinished(() => strange.close());
      const over = connectTo(strange.address);
      onTestFinished(() => over.close());
      for (const token of [user.tokens.accessToken, null])
        expect(await call("PlaceOrder", token, over)).toMatchObject({ code: "UNAVAILABLE", nextStep: null });
      expect(await call("GetHours", null, over)).toEqual({ hours: "from nine to five" });
      expect(strange.log()).not.toContain(user.tokens.accessToken);
      expect(strange.log()).not.toContain("svk_");
    });

    it("is UNAVAILABLE, and sends nobody to log in, while Sallyport is down", async () => {
      const data = temporaryFolder();
      onTestFinished(() => rmSync(data, { recursive: true }));
      const passing = await populate(data, SETTINGS);
      const other = await startTarget({ ...SETTINGS, SALLYPORT_DATA_DIR: data });
      const orphan = await start(other, passing.apiKey);
      onTestFinished(() => orphan.close());
      const over = connectTo(orphan.address);
      onTestFinished(() => over.close());
      const { tokens } = await logIn(other, "alice", ["orders"]);
      expect(await call("PlaceOrder", tokens.accessToken, over)).toMatchObject({ buyer: "alice" });
      await other.close();
      for (const token of [tokens.accessToken, "made.up.token", null])
        expect(await call("PlaceOrder", token, over)).toEqual({
          code: "UNAVAILABLE",
          reason: "ERROR_REASON_UNAVAILABLE",
          nextStep: null,
        });
      expect(await call("GetHours", null, over)).toEqual({ hours: "from nine to five" });
    });

    it("is UNAVAILABLE, and sends nobody to log in, while Sallyport's knowledge is too old", async () => {
      const aged = await startApp();
      onTestFinished(() => aged.close());
      const { tokens } = await welcome(aged, "alice", ["orders"]);
      const behind = await start({ address: new URL(aged.url).host }, "");
      onTestFinished(() => behind.close());
      const over = connectTo(behind.address);
      onTestFinished(() => over.close());
      expect(await call("PlaceOrder", tokens.accessToken, over)).toMatchObject({ buyer: "alice" });
      // It reads its log again and again, and each time knows of the present; then comes the next jump.
      const jumping = setInterval(() => aged.clock.advance(10_001), 1);
      onTestFinished(() => clearInterval(jumping));
      const unavailable = { code: "UNAVAILABLE", reason: "ERROR_REASON_UNAVAILABLE", nextStep: null };
      await expect.poll(() => call("PlaceOrder", tokens.accessToken, over)).toEqual(unavailable);
      expect(await call("GetHours", null, over)).toEqual({ hours: "from nine to five" });
    });

    it("is UNAVAILABLE if Sallyport takes its calls and never answers", async () => {
      const silent = createServer(() => {}).listen(0, "127.0.0.1");
      await once(silent, "listening");
      const taken = silent.address();
      const address = typeof taken === "object" && taken !== null ? `127.0.0.1:${taken.port}` : "";
      const waiting = await start({ address }, apiKey);
      onTestFinished(() => void silent.close());
      onTestFinished(() => waiting.close());
      const over = connectTo(waiting.address);
      onTestFinished(() => over.close());
      expect(await call("PlaceOrder", user.tokens.accessToken, over)).toMatchObject({ code: "UNAVAILABLE" });
      expect(await call("GetHours", null, over)).toEqual({ hours: "from nine to five" });
    });

    it("does not start with a method that has no rule, or one that says nothing", async () => {
      const proto = join(own, "proto", PROTO);
      const stated = readFileSync(proto, "utf8");
      onTestFinished(() => writeFileSync(proto, stated));
      for (const [silent, why] of [
        ["", /orders\.v1\.Orders\.PlaceOrder has no access rule/],
        ["option (sallyport.access.v1.default_rule) = {};", /PlaceOrder has an access rule that says nothing/],
      ] as const) {
        const edited = replaceThe("option (sallyport.access.v1.default_rule) = {authenticated: true};", silent, stated);
        writeFileSync(proto, edited);
        await build(kind, own);
        await expect(start(target, apiKey)).rejects.toThrow(why);
      }
    });

    it("does not start with a rule that contradicts itself or cannot be met, and names each such method", async () => {
      const proto = join(own, "proto", PROTO);
      const stated = readFileSync(proto, "utf8");
      onTestFinished(() => writeFileSync(proto, stated));
      const method = ([rule]: readonly [string, string], at: number) =>
        `rpc Odd${at}(GetHoursRequest) returns (GetHoursResponse) { option (sallyport.access.v1.rule) = {${rule}}; }`;
      const last = "  // Pays back, if the caller has given the password lately.";
      writeFileSync(proto, replaceThe(last, `${UNFIT_RULES.map(method).join("\n")}\n${last}`, stated));
      await build(kind, own);
      const said = String(await start(target, apiKey).catch((error: unknown) => error));
      const told = [...said.matchAll(/orders\.v1\.Orders\.(\w+) has an access rule (.*)/g)].map((found) =>
        found.slice(1),
      );
      expect(told).toEqual(UNFIT_RULES.map(([, why], at) => [`Odd${at}`, why]));
    });
  });
}

/** A refusal as a client reads it: the code, and what ErrorInfo says. */
function refusalIn(error: ServiceError) {
  const [info = {}] = detailsOf(error);
  const reason = "reason" in info ? info.reason : null;
  const metadata = "metadata" in info && typeof info.metadata === "object" ? info.metadata : {};
  const nextStep = metadata !== null && "next_step" in metadata ? metadata.next_step : null;
  return { code: status[error.code], reason, nextStep };
}
