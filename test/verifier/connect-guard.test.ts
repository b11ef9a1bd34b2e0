import { createServer } from "node:http";
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { createClient, createContextValues, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { callerOf, createGuard, type GuardOptions, principalOf } from "../../src/verifier/connect/guard.ts";
import { createBenchVerifier } from "../support/bench-verifier.ts";
import { fileOf, serviceOf } from "../support/described.ts";
import { Shop } from "../support/guarded-shop.ts";
import { refusalOf } from "../support/refusals.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers, type ShopHandlers } from "../support/shop-handlers.ts";
import { bearing, listening, SHOP_FORMS, shopRoutes } from "../support/shop-servers.ts";
import { ask1, ask2 } from "../support/wire-raw.ts";

/** Lets a client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };

let bench: Awaited<ReturnType<typeof createShopBench>>;
let handlers: ShopHandlers;
let options: GuardOptions;

beforeEach(async () => {
  bench = await createShopBench();
  handlers = createShopHandlers();
  options = { verifier: createBenchVerifier(bench), services: [Shop] };
});

function formNamed(wanted: string) {
  const form = SHOP_FORMS.find(({ name }) => name === wanted);
  if (form === undefined) throw new Error(`there is no form ${wanted}`);
  return form;
}

describe("Two authorization headers", () => {
  const path = "/shop.v1.Shop/Buy";
  const unary = { method: "POST", path, body: toBinary(EmptySchema, create(EmptySchema)) };
  const twice = (token: string) => ({ "content-type": "application/proto", authorization: [`Bearer ${token}`, "x"] });

  it("are malformed over HTTP/1.1, however good the first one is", async () => {
    const port = await formNamed("Connect over HTTP/1.1").serve(options, handlers);
    const { status, body } = await ask1(port, { ...unary, headers: twice(await bench.issue()) });
    expect([status, JSON.parse(body.toString()).code]).toEqual([400, "invalid_argument"]);
    expect(handlers.seen).toEqual([]);
  });

  it("are malformed over HTTP/2, too", async () => {
    const port = await formNamed("Connect over HTTP/2").serve(options, handlers);
    const session = connect(`http://127.0.0.1:${port}`, LENIENT);
    onTestFinished(() => session.destroy());
    const { status } = await ask2(port, { ...unary, headers: twice(await bench.issue()) }, session);
    expect(status).toBe(400);
    expect(handlers.seen).toEqual([]);
  });

  it("are one, the first, where the server does not hand them over", async () => {
    const guard = createGuard(options);
    const routes = (router: Parameters<typeof shopRoutes>[0]) => shopRoutes(router, handlers);
    const port = await listening(createServer(connectNodeAdapter({ routes, interceptors: [guard] })));
    const headers = { ...twice(await bench.issue()) };
    expect((await ask1(port, { ...unary, headers })).status).toBe(200);
    const bad = { ...headers, authorization: [...headers.authorization].reverse() };
    expect((await ask1(port, { ...unary, headers: bad })).status).toBe(400);
  });
});

describe("A guard on a Connect router", () => {
  const shopBehind = (...interceptors: Interceptor[]) =>
    createClient(
      Shop,
      createRouterTransport((router) => shopRoutes(router, handlers), { router: { interceptors } }),
    );

  it("needs no network", async () => {
    const shop = shopBehind(createGuard(options));
    expect((await shop.buy({ value: "a pen" }, bearing(await bench.issue()))).value).toBe("usr_1: a pen");
    expect((await refusalOf(shop.buy({}))).reason).toBe("TOKEN_MISSING");
  });

  it("is missed by handlers that ask who calls", async () => {
    await expect(shopBehind().buy({})).rejects.toThrow();
    const values = createContextValues();
    expect(() => callerOf({ values })).toThrow("the call went through no guard");
    expect(() => principalOf({ values })).toThrow("the call went through no guard");
  });

  it("shows who calls to the interceptors behind it, and to nobody else", async () => {
    const seen: unknown[] = [];
    const look: Interceptor = (next) => (request) => {
      seen.push(principalOf({ values: request.contextValues }).userId);
      return next(request);
    };
    await shopBehind(createGuard(options), look).buy({}, bearing(await bench.issue({ userId: "usr_ada" })));
    expect(seen).toEqual(["usr_ada"]);
    const before = shopBehind(look, createGuard(options)).buy({}, bearing(await bench.issue()));
    await expect(before).rejects.toThrow();
  });

  it("gives a handler that insists on somebody an error where anyone may call", async () => {
    const insist: Interceptor = (next) => (request) => {
      expect(callerOf({ values: request.contextValues })).toBeNull();
      expect(() => principalOf({ values: request.contextValues })).toThrow("nobody is signed in");
      return next(request);
    };
    expect((await shopBehind(createGuard(options), insist).browse({ value: "pens" })).value).toBe("nobody: pens");
  });

  it("is closed to methods that it was given no rule for, and says that it is not the caller's fault", async () => {
    const stock = serviceOf(fileOf("Stock", [{ name: "Count", rule: { public: true } }]));
    const shop = shopBehind(createGuard({ ...options, services: [stock] }));
    for (const call of [shop.buy({}, bearing(await bench.issue())), shop.browse({})]) {
      expect(await refusalOf(call)).toMatchObject({
        code: "PermissionDenied",
        reason: "PERMISSION_MISSING",
        message: "this RPC is closed: no access rule was given for it",
      });
    }
    expect(handlers.seen).toEqual([]);
  });

  it("leaves health to anyone, for balancers have no token", async () => {
    const transport = createRouterTransport((router) => router.service(Health, { check: () => ({ status: 1 }) }), {
      router: { interceptors: [createGuard(options)] },
    });
    expect((await createClient(Health, transport).check({})).status).toBe(1);
  });

  it("keeps to the deadline of the call while Sallyport is asked", async () => {
    const verifier = createBenchVerifier(bench);
    verifier.answerRemotely(
      (_token, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    );
    const port = await formNamed("Connect over HTTP/2").serve({ ...options, verifier }, handlers);
    const shop = createClient(Shop, formNamed("Connect over HTTP/2").transport(`http://127.0.0.1:${port}`));
    const call = shop.audit({}, { ...bearing(await bench.issue()), timeoutMs: 50 });
    expect((await refusalOf(call)).code).toBe("DeadlineExceeded");
    expect(handlers.seen).toEqual([]);
  });

  it("asks Sallyport in place of a stale memory, if its verifier is one that does", async () => {
    const verifier = createBenchVerifier(bench, { whenStale: "remote" });
    const shop = shopBehind(createGuard({ ...options, verifier }));
    const token = await bench.issue();
    bench.clock.advance(60_000);
    await shop.buy({}, bearing(token));
    expect(verifier.asked).toEqual([token]);
  });
});
