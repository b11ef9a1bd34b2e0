import { once } from "node:events";
import { ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, it } from "vitest";
import type { GuardOptions } from "../../src/verifier/guard/admission.ts";
import { type BenchVerifier, createBenchVerifier } from "../support/bench-verifier.ts";
import { eventually } from "../support/eventually.ts";
import { Shop } from "../support/guarded-shop.ts";
import { refusalOf } from "../support/refusals.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers, type ShopHandlers } from "../support/shop-handlers.ts";
import { bearing, SHOP_FORMS, type ShopClient, type ShopForm, shopClient } from "../support/shop-servers.ts";
import { createRequests, open } from "../support/shop-streams.ts";
import { envelope, session2 } from "../support/wire-raw.ts";

const REVOKED = { code: "Unauthenticated", reason: "SESSION_REVOKED", nextStep: "NEXT_STEP_LOG_IN" };

let bench: Awaited<ReturnType<typeof createShopBench>>;
let verifier: BenchVerifier;
let handlers: ShopHandlers;

beforeEach(async () => {
  bench = await createShopBench();
  verifier = createBenchVerifier(bench);
  handlers = createShopHandlers();
});

function endSession(sessionId = "ses_1"): void {
  bench.revocations.note({ kind: "session_ended", sessionId, expiresAt: bench.clock.now() + 600_000 });
  verifier.news();
}

async function serveShop(form: ShopForm, options: Partial<GuardOptions> = {}): Promise<ShopClient> {
  return shopClient(form, await form.serve({ verifier, services: [Shop], ...options }, handlers));
}

describe.each(SHOP_FORMS)("A stream behind a guard, $name,", (form) => {
  const shopWith = (options: Partial<GuardOptions> = {}) => serveShop(form, options);

  it("is refused before its handler sees any of it, of every kind", async () => {
    const shop = await shopWith();
    for (const [who, [reason, token]] of Object.entries(await bench.refusedTokens())) {
      const requests = createRequests();
      requests.send("a message");
      requests.finish();
      expect([who, await open(shop.follow({}, bearing(token))).ended]).toMatchObject([who, { reason }]);
      expect([who, await refusalOf(shop.upload(requests.messages, bearing(token)))]).toMatchObject([who, { reason }]);
    }
    expect([handlers.seen, handlers.read]).toEqual([[], []]);
  });

  it.each(["obedient", "stubborn"])("ends with the session, and tells its %s handler", async (text) => {
    const shop = await shopWith();
    const stream = open(shop.follow({ value: text }, bearing(await bench.issue())));
    await stream.begun;
    endSession();
    expect(await stream.ended).toMatchObject(REVOKED);
    expect(stream.got).toEqual([text]);
    expect(handlers.told).toHaveLength(1);
    expect(String(handlers.told[0])).toContain("the session was ended");
    expect(verifier.following()).toBe(0);
  });

  it("ends when the token expires", async () => {
    const shop = await shopWith();
    const stream = open(shop.follow({}, bearing(await bench.issue())));
    await stream.begun;
    bench.clock.advance(600_000);
    verifier.news();
    expect(await stream.ended).toMatchObject({ reason: "TOKEN_EXPIRED", nextStep: "NEXT_STEP_REFRESH" });
  });

  it("ends when the user's roles change, as its rule then says", async () => {
    const shop = await shopWith();
    const requests = createRequests();
    requests.send("a message");
    const upload = refusalOf(shop.upload(requests.messages, bearing(await bench.issue({ roles: ["clerk"] }))));
    await eventually(() => handlers.read).toEqual(["a message"]);
    bench.roles.delete("clerk");
    verifier.news();
    const refusal = await upload;
    expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "ROLE_MISSING" });
    await eventually(() => handlers.told.length).toBe(1);
    requests.finish();
  });

  it("ends alone: those of other sessions go on", async () => {
    const shop = await shopWith();
    const one = open(shop.follow({}, bearing(await bench.issue({ sessionId: "ses_one" }))));
    const two = open(shop.follow({}, bearing(await bench.issue({ sessionId: "ses_two" }))));
    await Promise.all([one.begun, two.begun]);
    endSession("ses_one");
    expect(await one.ended).toMatchObject(REVOKED);
    expect(verifier.following()).toBe(1);
    endSession("ses_two");
    expect(await two.ended).toMatchObject(REVOKED);
  });

  it("goes on, whatever becomes of its caller, where that is the setting", async () => {
    const shop = await shopWith({ endStreams: false });
    const leave = new AbortController();
    const token = bearing(await bench.issue());
    const stream = open(shop.follow({}, { ...token, signal: leave.signal }));
    await stream.begun;
    expect(verifier.following()).toBe(0);
    endSession();
    expect((await refusalOf(shop.buy({}, token))).reason).toBe("SESSION_REVOKED");
    expect(handlers.told).toEqual([]);
    leave.abort();
    expect(await stream.ended).toMatchObject({ code: "Canceled" });
  });

  it("is not followed any longer than it lasts", async () => {
    const shop = await shopWith();
    const token = bearing(await bench.issue({ roles: ["clerk"] }));
    expect(await open(shop.follow({ value: "1" }, token)).ended).toBeNull();
    const requests = createRequests();
    requests.send("a message");
    requests.finish();
    expect((await shop.upload(requests.messages, token)).value).toBe("1");
    await eventually(verifier.following).toBe(0);
    const leave = new AbortController();
    const left = ["obedient", "stubborn"].map((value) =>
      open(shop.follow({ value }, { ...token, signal: leave.signal })),
    );
    await Promise.all(left.map(({ begun }) => begun));
    expect(verifier.following()).toBe(2);
    leave.abort();
    await eventually(verifier.following).toBe(0);
    await eventually(() => handlers.told.length).toBeGreaterThanOrEqual(2);
  });

  it("is followed by nobody if it is public", async () => {
    const shop = await shopWith();
    const leave = new AbortController();
    const stream = open(shop.news({}, { ...bearing(await bench.issue()), signal: leave.signal }));
    await stream.begun;
    expect(verifier.following()).toBe(0);
    expect(handlers.seen).toEqual(["News nobody"]);
    leave.abort();
    await stream.ended;
  });

  it("never begins for one whose session ends in the very moment of the check", async () => {
    const check: BenchVerifier["check"] = (...asked) => {
      const decision = verifier.check(...asked);
      if (decision.granted) endSession(decision.principal.sessionId);
      return decision;
    };
    const shop = await shopWith({ verifier: { ...verifier, check } });
    expect(await open(shop.follow({}, bearing(await bench.issue()))).ended).toMatchObject(REVOKED);
    const token = await bench.issue({ sessionId: "ses_2", roles: ["clerk"] });
    expect(await refusalOf(shop.upload(createRequests().messages, bearing(token)))).toMatchObject(REVOKED);
    expect(handlers.seen).toEqual([]);
  });

  it("never begins for a client that leaves while Sallyport is asked, who is then asked no more", async () => {
    const shop = await shopWith();
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const signals: (AbortSignal | undefined)[] = [];
    verifier.answerRemotely((_token, signal) => {
      signals.push(signal);
      asked();
      return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    });
    const leave = new AbortController();
    const call = shop.audit({}, { ...bearing(await bench.issue()), signal: leave.signal }).catch(ConnectError.from);
    await isAsked;
    leave.abort();
    expect(await call).toMatchObject({ code: 1 });
    await eventually(() => signals[0]?.aborted).toBe(true);
    expect(handlers.seen).toEqual([]);
  });
});

describe.each(SHOP_FORMS.filter(({ duplex }) => duplex))("A stream both ways behind a guard, $name,", (form) => {
  it("ends both ways, and nothing that is sent later is read", async () => {
    const shop = await serveShop(form);
    const requests = createRequests();
    const stream = open(shop.haggle(requests.messages, bearing(await bench.issue())));
    requests.send("ten");
    await stream.begun;
    endSession();
    requests.send("nine");
    expect(await stream.ended).toMatchObject(REVOKED);
    requests.finish();
    expect([stream.got, handlers.read]).toEqual([["ten"], ["ten"]]);
    await eventually(() => handlers.told.length).toBe(1);
  });

  it("is refused before its handler sees any of it", async () => {
    const shop = await serveShop(form);
    for (const [who, [reason, token]] of Object.entries(await bench.refusedTokens())) {
      const requests = createRequests();
      requests.send("a message");
      expect([who, await open(shop.haggle(requests.messages, bearing(token))).ended]).toMatchObject([who, { reason }]);
      requests.finish();
    }
    expect([handlers.seen, handlers.read]).toEqual([[], []]);
  });

  it("tells its handler of the end though the client reads nothing of what it is sent", async () => {
    const send: ShopHandlers["send"] = async function* (method, _text, call) {
      handlers.seen.push(method);
      call.signal.addEventListener("abort", () => handlers.told.push(call.signal.reason), { once: true });
      for (let count = 0; count < 100; count += 1) yield "x".repeat(50_000);
      await new Promise(() => {});
    };
    const port = await form.serve({ verifier, services: [Shop] }, { ...handlers, send });
    const session = session2(port);
    const stream = session.request({
      ":method": "POST",
      ":path": "/shop.v1.Shop/Follow",
      "content-type": form.name.startsWith("Connect") ? "application/connect+proto" : "application/grpc",
      te: "trailers",
      authorization: `Bearer ${await bench.issue()}`,
    });
    stream.end(envelope(new Uint8Array()));
    await eventually(() => handlers.seen).toEqual(["Follow"]);
    endSession();
    await eventually(() => handlers.told.length).toBe(1);
    expect(String(handlers.told[0])).toContain("the session was ended");
    expect(verifier.following()).toBe(0);
    const closed = once(stream, "close");
    stream.resume();
    await closed;
  });
});
