/** Calls to somebody else's backend: which token it gets, and who gets none. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { toConnectError } from "../../src/error-details.ts";
import { Refusal } from "../../src/errors.ts";
import { LOST_REQUEST } from "../support/client-wire.ts";
import { clientsOf } from "../support/clients.ts";
import { OrderService, startOrders } from "../support/orders-backend.ts";
import { ADA, LIFE_MS, type OrdersLab, readOrders, startOrdersLab, threeOrders } from "../support/orders-lab.ts";
import { refusalOf } from "../support/refusals.ts";

let lab: OrdersLab;

beforeEach(async () => {
  lab = await startOrdersLab();
});
afterEach(() => lab.close());

/** Guards the backend as its author would: Sallyport decides. */
function delegate(): void {
  lab.orders.guard = async ({ token }) => {
    const { decision } = await clientsOf(lab.app.url).auth.authorize({ accessToken: token, audience: "orders" });
    if (decision.case === "denied") throw toConnectError(new Refusal(token === "" ? "TOKEN_MISSING" : "TOKEN_EXPIRED"));
  };
}

describe("A backend", () => {
  it.each([
    ["Connect", createConnectTransport],
    ["gRPC-Web", createGrpcWebTransport],
  ])("gets a token for its own audience, over %s, which is of no use at Sallyport", async (_name, createTransport) => {
    delegate();
    await lab.client.login(ADA);
    const backend = lab.ordersOf({}, createTransport);
    expect((await backend.getOrder({ value: "7" })).value).toBe("7");
    expect(await readOrders(backend.listOrders({}))).toBe("123");
    expect((await backend.sendOrders(threeOrders())).value).toBe("a,b,c");
    const [token = ""] = new Set(lab.orders.calls.map((call) => call.token));
    expect(decodeJwt(token).aud).toEqual(["orders"]);
    const asUser = clientsOf(lab.app.url, token).account;
    expect((await refusalOf(asUser.getAccount({}))).reason).toBe("AUDIENCE_MISMATCH");
    expect(lab.wire.sent("Refresh")).toHaveLength(1);
  });

  it("gets the session's own token where no audience is named", async () => {
    await lab.client.login(ADA);
    await lab.ordersOf({ audience: "" }).getOrder({});
    expect(decodeJwt(lab.orders.calls[0]?.token ?? "").aud).toEqual(["sallyport", "orders"]);
    expect(lab.wire.sent("Refresh")).toEqual([]);
  });

  it("gets a fresh token when the one it had is over, and its work is done once", async () => {
    delegate();
    await lab.client.login(ADA);
    const backend = lab.ordersOf();
    await backend.placeOrder({ value: "1" });
    lab.app.clock.advance(LIFE_MS);
    await Promise.all(Array.from({ length: 16 }, () => backend.placeOrder({ value: "2" })));
    expect(lab.orders.work).toHaveLength(17);
    expect(lab.wire.sent("Refresh")).toHaveLength(2);
  });

  it("gets no token where nobody is signed in", async () => {
    delegate();
    expect((await refusalOf(lab.ordersOf().getOrder({}))).reason).toBe("TOKEN_MISSING");
    expect(lab.orders.calls).toEqual([{ method: "GetOrder", token: "" }]);
    expect(lab.wire.calls).toEqual([]);
  });

  it("gets the credential that the call brings, and no other", async () => {
    lab.refuse(1);
    await lab.client.login(ADA);
    const headers = { authorization: "Bearer of-my-own" };
    expect((await refusalOf(lab.ordersOf().getOrder({}, { headers }))).reason).toBe("TOKEN_EXPIRED");
    expect(lab.orders.calls).toEqual([{ method: "GetOrder", token: "of-my-own" }]);
    expect(lab.wire.sent("Refresh")).toEqual([]);
  });

  it("of an audience that the session does not have fails the call, and harms nothing", async () => {
    const session = await lab.client.login(ADA);
    expect((await refusalOf(lab.ordersOf({ audience: "billing" }).getOrder({}))).reason).toBe("AUDIENCE_UNKNOWN");
    expect(lab.orders.calls).toEqual([]);
    expect((await lab.ordersOf().getOrder({ value: "x" })).value).toBe("x");
    expect(await lab.client.session()).toMatchObject({ sessionId: session.sessionId });
  });
});

describe("An interceptor", () => {
  it("sends nothing to an origin that it was not made for", async () => {
    const stranger = await startOrders();
    onTestFinished(() => stranger.close());
    await lab.client.login(ADA);
    const interceptors = [lab.client.interceptor({ to: lab.orders.url, audience: "orders" })];
    const lured = createClient(
      OrderService,
      createConnectTransport({ baseUrl: stranger.url, httpVersion: "1.1", interceptors }),
    );
    for (const call of [
      () => lured.getOrder({}),
      () => readOrders(lured.listOrders({})),
      () => lured.sendOrders(threeOrders()),
    ]) {
      const refusal = await refusalOf(call());
      expect(refusal.code).toBe("FailedPrecondition");
      expect(refusal.message).toContain(`carries tokens to ${lab.orders.url} alone`);
    }
    expect([...stranger.calls, ...lab.wire.sent("Refresh")]).toEqual([]);
  });

  it("tells origins apart by scheme, host and port, whatever the path", async () => {
    await lab.client.login(ADA);
    for (const to of [
      lab.orders.url.replace("http:", "https:"),
      lab.orders.url.replace("127.0.0.1", "localhost"),
      "http://127.0.0.1:1",
    ])
      expect((await refusalOf(lab.ordersOf({ to }).getOrder({}))).code).toBe("FailedPrecondition");
    expect(
      (await lab.ordersOf({ to: [`${lab.orders.url}/some/path?x`, "https://orders.example"] }).getOrder({ value: "1" }))
        .value,
    ).toBe("1");
  });

  it.each(["", "orders.example", "file:///orders", [], ["https://orders.example", "/"]])("is not made for %j", (to) => {
    expect(() => lab.client.interceptor({ to })).toThrow(TypeError);
  });
});

describe("Tokens", () => {
  it("are in no error and no URL", async () => {
    await lab.client.login(ADA);
    const access = await lab.client.accessToken("orders");
    const backend = createClient(
      OrderService,
      createConnectTransport({
        baseUrl: lab.orders.url,
        httpVersion: "1.1",
        useHttpGet: true,
        interceptors: [lab.client.interceptor({ to: lab.orders.url, audience: "orders" })],
      }),
    );
    lab.refuse(9);
    lab.wire.plan("Refresh", LOST_REQUEST, LOST_REQUEST);
    const errors = [await backend.getOrder({}).catch((error: unknown) => error)];
    lab.app.clock.advance(LIFE_MS * 3_000);
    errors.push(await lab.client.account.getAccount({}).catch((error: unknown) => error));
    const text = errors
      .map((error) => JSON.stringify(error) + String(error) + (error instanceof Error ? error.stack : ""))
      .join();
    expect(text).toContain("refresh");
    for (const secret of [access, ...lab.wire.calls.map(({ token }) => token)].filter(Boolean))
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(/eyJ/);
  });
});
