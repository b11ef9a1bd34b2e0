/** When a call to somebody else's backend is sent again, and when not. */
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toConnectError } from "../../src/error-details.ts";
import { Refusal } from "../../src/errors.ts";
import { LOST_REQUEST } from "../support/client-wire.ts";
import { clientsOf } from "../support/clients.ts";
import { ADA, type OrdersLab, readOrders, startOrdersLab, threeOrders } from "../support/orders-lab.ts";
import { refusalOf } from "../support/refusals.ts";

let lab: OrdersLab;

beforeEach(async () => {
  lab = await startOrdersLab();
});
afterEach(() => lab.close());

describe("A call to a backend is sent again, once,", () => {
  it("after its token was refused, whatever the method", async () => {
    await lab.client.login(ADA);
    lab.refuse(1);
    expect((await lab.ordersOf().placeOrder({ value: "1" })).value).toBe("1");
    expect(lab.orders.calls).toHaveLength(2);
    expect(lab.orders.calls[0]?.token).not.toBe(lab.orders.calls[1]?.token);
    expect(lab.orders.work).toEqual(["PlaceOrder"]);
  });

  it("as a stream of answers without side effects, before the first answer", async () => {
    await lab.client.login(ADA);
    lab.refuse(1);
    expect(await readOrders(lab.ordersOf().listOrders({}))).toBe("123");
    expect(lab.orders.calls).toHaveLength(2);
  });

  it("after UNAVAILABLE, where the contract declares that this does no harm", async () => {
    await lab.client.login(ADA);
    for (const call of [
      () => lab.ordersOf().getOrder({ value: "1" }),
      () => readOrders(lab.ordersOf().listOrders({})),
    ]) {
      lab.refuse(1, new ConnectError("down", Code.Unavailable));
      expect(await call()).toBeTruthy();
    }
    expect(lab.orders.calls).toHaveLength(4);
  });
});

describe("A call to a backend is sent once only", () => {
  const sent = async (call: () => Promise<unknown>) => {
    const refusal = await refusalOf(call());
    return { code: refusal.code, calls: lab.orders.calls.length };
  };

  beforeEach(() => lab.client.login(ADA));

  it("after UNAVAILABLE, where nothing is declared", async () => {
    lab.refuse(9, new ConnectError("down", Code.Unavailable));
    expect(await sent(() => lab.ordersOf().placeOrder({}))).toEqual({ code: "Unavailable", calls: 1 });
    expect(await sent(() => readOrders(lab.ordersOf().shipOrders({})))).toEqual({ code: "Unavailable", calls: 2 });
  });

  it.each([
    ["the user lacks a role", "ROLE_MISSING", "PermissionDenied"],
    ["the user must give the password anew", "AUTHENTICATION_TOO_OLD", "Unauthenticated"],
    ["the token is for others", "AUDIENCE_MISMATCH", "Unauthenticated"],
    ["the token was missing on the way", "TOKEN_MISSING", "Unauthenticated"],
    ["the backend is busy", "BUSY", "ResourceExhausted"],
  ] as const)("if %s", async (_name, reason, code) => {
    lab.refuse(9, toConnectError(new Refusal(reason)));
    expect(await sent(() => lab.ordersOf().getOrder({}))).toEqual({ code, calls: 1 });
    expect(lab.wire.sent("Refresh")).toHaveLength(1);
  });

  it("if a guard refuses it without a reason of ours", async () => {
    lab.refuse(9, new ConnectError("who are you?", Code.Unauthenticated));
    expect(await sent(() => lab.ordersOf().getOrder({}))).toEqual({ code: "Unauthenticated", calls: 1 });
  });

  it("if the backend asks to wait for long", async () => {
    lab.refuse(9, toConnectError(new Refusal("UNAVAILABLE", { retryAfterMs: 60_000 })));
    expect(await sent(() => lab.ordersOf().getOrder({}))).toEqual({ code: "Unavailable", calls: 1 });
  });

  it("if Sallyport cannot be asked for another token: then that is the error", async () => {
    await lab.ordersOf().getOrder({});
    lab.refuse(9);
    lab.wire.plan("Refresh", LOST_REQUEST, LOST_REQUEST);
    expect(await sent(() => lab.ordersOf().getOrder({}))).toEqual({ code: "Unavailable", calls: 2 });
  });

  it("as a stream of answers with side effects, even if its token was refused: it may have begun", async () => {
    lab.refuse(9);
    expect(await sent(() => readOrders(lab.ordersOf().shipOrders({})))).toEqual({ code: "Unauthenticated", calls: 1 });
  });

  it("as a stream that answered already when its token ran out", async () => {
    lab.orders.midway = () => {
      throw toConnectError(new Refusal("TOKEN_EXPIRED"));
    };
    let heard = "";
    const reading = (async () => {
      for await (const { value } of lab.ordersOf().listOrders({})) heard += value;
    })();
    expect((await refusalOf(reading)).reason).toBe("TOKEN_EXPIRED");
    expect(heard).toBe("1");
    expect(lab.orders.calls).toHaveLength(1);
  });

  it("as a stream of requests of which some are gone", async () => {
    lab.refuse(9);
    expect(await sent(() => lab.ordersOf().sendOrders(threeOrders()))).toEqual({ code: "Unauthenticated", calls: 1 });
  });
});

describe("A stream that cannot be sent again, and whose token is refused,", () => {
  beforeEach(() => lab.client.login(ADA));

  it.each([
    ["before its first answer", () => lab.refuse(1, toConnectError(new Refusal("PRIVILEGES_CHANGED")))],
    [
      "in the midst of its answers",
      () => {
        lab.orders.midway = () => {
          lab.orders.midway = () => undefined;
          throw toConnectError(new Refusal("PRIVILEGES_CHANGED"));
        };
      },
    ],
  ])("%s, leaves a new token to the next call", async (_when, refuse) => {
    refuse();
    expect((await refusalOf(readOrders(lab.ordersOf().shipOrders({})))).reason).toBe("PRIVILEGES_CHANGED");
    expect(await readOrders(lab.ordersOf().shipOrders({}))).toBe("123");
    expect((await lab.ordersOf().getOrder({ value: "1" })).value).toBe("1");
    const [first, second, third] = lab.orders.calls.map(({ token }) => token);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
  });

  it("of requests, leaves a new token to the next one", async () => {
    lab.refuse(1);
    expect((await refusalOf(lab.ordersOf().sendOrders(threeOrders()))).reason).toBe("TOKEN_EXPIRED");
    expect((await lab.ordersOf().sendOrders(threeOrders())).value).toBe("a,b,c");
  });

  it("again and again, causes no storm", async () => {
    lab.refuse(1_000);
    const backend = lab.ordersOf();
    await refusalOf(readOrders(backend.shipOrders({})));
    const before = lab.wire.sent("Refresh").length;
    for (let calls = 0; calls < 50; calls += 1) await refusalOf(readOrders(backend.shipOrders({})));
    expect(lab.wire.sent("Refresh")).toHaveLength(before + 1);
    lab.app.clock.advance(5_000);
    for (let calls = 0; calls < 50; calls += 1) await refusalOf(readOrders(backend.shipOrders({})));
    expect(lab.wire.sent("Refresh")).toHaveLength(before + 2);
  });

  it("where a fresh token was refused to another call moments ago, leaves the next call the token that it has", async () => {
    const backend = lab.ordersOf();
    lab.refuse(3);
    await refusalOf(backend.getOrder({}));
    await refusalOf(readOrders(backend.shipOrders({})));
    expect((await backend.getOrder({ value: "1" })).value).toBe("1");
    const [, second, third, fourth] = lab.orders.calls.map(({ token }) => token);
    expect([third, fourth]).toEqual([second, second]);
  });

  it("because its session was ended, lets the next call find that out", async () => {
    await readOrders(lab.ordersOf().shipOrders({}));
    lab.refuse(1, toConnectError(new Refusal("SESSION_REVOKED")));
    await clientsOf(lab.app.url, (await lab.client.accessToken()) ?? "").auth.logout({});
    await refusalOf(readOrders(lab.ordersOf().shipOrders({})));
    expect((await refusalOf(readOrders(lab.ordersOf().shipOrders({})))).reason).toBe("SESSION_ENDED");
    expect(await lab.client.session()).toBeNull();
  });

  it("for what is no fault of the token, changes nothing", async () => {
    lab.refuse(1, toConnectError(new Refusal("PERMISSION_MISSING")));
    await refusalOf(readOrders(lab.ordersOf().shipOrders({})));
    expect(await readOrders(lab.ordersOf().shipOrders({}))).toBe("123");
    expect(new Set(lab.orders.calls.map(({ token }) => token)).size).toBe(1);
  });
});

describe("A call to a backend is sent twice, no more,", () => {
  beforeEach(() => lab.client.login(ADA));

  it("if the fresh token is refused as well; and a backend that is wrong about all tokens causes no storm", async () => {
    lab.refuse(1_000);
    const backend = lab.ordersOf();
    expect((await refusalOf(backend.getOrder({}))).reason).toBe("TOKEN_EXPIRED");
    expect(lab.orders.calls).toHaveLength(2);
    const before = lab.wire.sent("Refresh").length;
    for (let calls = 0; calls < 50; calls += 1) await refusalOf(backend.getOrder({}));
    expect(lab.wire.sent("Refresh")).toHaveLength(before);
    lab.app.clock.advance(5_000);
    await refusalOf(backend.getOrder({}));
    expect(lab.wire.sent("Refresh")).toHaveLength(before + 1);
    // Others are not taken for wrong because of that.
    expect((await lab.client.account.getAccount({})).user?.username).toBe("ada");
  });

  it("if the second try meets UNAVAILABLE", async () => {
    let calls = 0;
    lab.orders.guard = () => {
      calls += 1;
      throw calls === 1 ? toConnectError(new Refusal("TOKEN_EXPIRED")) : new ConnectError("down", Code.Unavailable);
    };
    expect((await refusalOf(lab.ordersOf().getOrder({}))).code).toBe("Unavailable");
    expect(calls).toBe(2);
  });
});
