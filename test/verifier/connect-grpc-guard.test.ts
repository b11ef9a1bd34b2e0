import { beforeEach, describe, expect, it } from "vitest";
import { type BenchVerifier, createBenchVerifier } from "../support/bench-verifier.ts";
import { STALENESS_BOUND_MS } from "../support/check-bench.ts";
import { Shop } from "../support/guarded-shop.ts";
import { refusalOf } from "../support/refusals.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers, type ShopHandlers } from "../support/shop-handlers.ts";
import { bearing, SHOP_FORMS, type ShopClient, shopClient } from "../support/shop-servers.ts";

const NEXT_STEPS: Readonly<Record<string, string | null>> = {
  TOKEN_MISSING: "NEXT_STEP_LOG_IN",
  TOKEN_INVALID: "NEXT_STEP_LOG_IN",
  TOKEN_EXPIRED: "NEXT_STEP_REFRESH",
  SESSION_REVOKED: "NEXT_STEP_LOG_IN",
  PRIVILEGES_CHANGED: "NEXT_STEP_REFRESH",
  AUDIENCE_MISMATCH: null,
};

describe.each(SHOP_FORMS)("A guard before $name", (form) => {
  let bench: Awaited<ReturnType<typeof createShopBench>>;
  let verifier: BenchVerifier;
  let handlers: ShopHandlers;
  let shop: ShopClient;

  beforeEach(async () => {
    bench = await createShopBench();
    verifier = createBenchVerifier(bench, { whenStale: "deny" });
    handlers = createShopHandlers();
    shop = shopClient(form, await form.serve({ verifier, services: [Shop] }, handlers));
  });

  it("refuses, with reason and next step, whoever is not signed in here", async () => {
    for (const [who, [reason, token]] of Object.entries(await bench.refusedTokens())) {
      const refusal = await refusalOf(shop.buy({ value: "a pen" }, bearing(token)));
      const expected = { code: "Unauthenticated", reason, nextStep: NEXT_STEPS[reason], retryDelayMs: null };
      expect([who, refusal]).toMatchObject([who, expected]);
    }
    expect(handlers.seen).toEqual([]);
  });

  it("names the audience that it asks for", async () => {
    const token = await bench.issue({ audiences: ["sallyport"] });
    expect((await refusalOf(shop.buy({}, bearing(token)))).message).toBe(
      'this RPC takes only access tokens for the audience "orders"',
    );
  });

  it("lets whoever is signed in do what asks for nothing more, and tells the handler who it is", async () => {
    const token = await bench.issue({ userId: "usr_ada" });
    expect((await shop.buy({ value: "a pen" }, bearing(token))).value).toBe("usr_ada: a pen");
    expect(handlers.seen).toEqual(["Buy usr_ada"]);
  });

  it("refuses whoever lacks the role, the permission, or a recent password", async () => {
    const missing = { code: "PermissionDenied", nextStep: null };
    expect(await refusalOf(shop.refund({}, bearing(await bench.issue())))).toMatchObject({
      ...missing,
      reason: "ROLE_MISSING",
      message: "needs one of the roles clerk, owner",
    });
    expect(await refusalOf(shop.refund({}, bearing(await bench.issue({ roles: ["clerk"] }))))).toMatchObject({
      ...missing,
      reason: "PERMISSION_MISSING",
      message: "needs the permission orders:refund",
    });
    const token = await bench.issue({ roles: ["owner"], userId: "usr_owner" });
    bench.clock.advance(300_001);
    bench.confirm();
    expect(await refusalOf(shop.close({}, bearing(token)))).toMatchObject({
      code: "Unauthenticated",
      reason: "AUTHENTICATION_TOO_OLD",
      nextStep: "NEXT_STEP_STEP_UP",
    });
    expect(handlers.seen).toEqual([]);
    await shop.refund({}, bearing(token));
    expect(handlers.seen).toEqual(["Refund usr_owner"]);
  });

  it.each([
    ["another scheme", "Basic YWRhOnB3"],
    ["no token", "Bearer"],
    ["two tokens", "Bearer x.y.z x.y.z"],
    ["two headers, joined", "Bearer x.y.z, Bearer x.y.z"],
  ])("refuses as malformed an authorization with %s, public or not", async (_what, authorization) => {
    for (const call of [shop.buy, shop.browse]) {
      const refusal = await refusalOf(call({}, { headers: { authorization } }));
      expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "AUTHORIZATION_MALFORMED" });
    }
    expect(handlers.seen).toEqual([]);
  });

  it("refuses a token that is too long to be looked at", async () => {
    const refusal = await refusalOf(shop.buy({}, bearing("x".repeat(8193))));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["authorization"] });
    expect((await refusalOf(shop.buy({}, bearing("x".repeat(8192))))).reason).toBe("TOKEN_INVALID");
  });

  it("opens what is public to anyone, who is nobody there whatever the token", async () => {
    const tokens = Object.values(await bench.refusedTokens()).map(([, token]) => token);
    for (const token of [...tokens, await bench.issue()]) await shop.browse({}, bearing(token));
    expect(new Set(handlers.seen)).toEqual(new Set(["Browse nobody"]));
    expect(handlers.seen).toHaveLength(tokens.length + 1);
  });

  it("calls itself unavailable, never the caller unauthenticated, when nobody can tell", async () => {
    const token = await bench.issue();
    bench.clock.advance(STALENESS_BOUND_MS + 1);
    const refusal = await refusalOf(shop.buy({}, bearing(token)));
    expect(refusal).toMatchObject({ code: "Unavailable", reason: "TOO_STALE", nextStep: null, retryDelayMs: 1000 });
    expect(handlers.seen).toEqual([]);
    await shop.browse({});
    bench.confirm();
    await shop.buy({}, bearing(token));
    expect(handlers.seen).toEqual(["Browse nobody", "Buy usr_1"]);
  });

  it("asks Sallyport itself for what states REMOTE, and for nothing else", async () => {
    const token = await bench.issue();
    await shop.buy({}, bearing(token));
    expect(verifier.asked).toEqual([]);
    await shop.audit({}, bearing(token));
    expect(verifier.asked).toEqual([token]);
    expect((await refusalOf(shop.audit({}))).reason).toBe("TOKEN_MISSING");
    expect(verifier.asked).toEqual([token]);
  });

  it("ends no call as granted that Sallyport had no answer for, whatever went wrong", async () => {
    const token = await bench.issue();
    verifier.answerRemotely(() => Promise.reject(new Error(`a fault that names ${token}`)));
    const check = () => {
      throw new Error("a fault of the verifier's own, for which Sallyport is not asked");
    };
    const services = [Shop];
    const faulty = shopClient(form, await form.serve({ verifier: { ...verifier, check }, services }, handlers));
    for (const call of [shop.audit({}, bearing(token)), faulty.buy({}, bearing(token))]) {
      const fault = { code: "Internal", reason: "INTERNAL", message: "internal error" };
      expect(await refusalOf(call)).toMatchObject(fault);
    }
    expect([handlers.seen, verifier.asked]).toEqual([[], [token]]);
  });

  it("never shows one caller to another, however many call at once", async () => {
    const users = Array.from({ length: 100 }, (_, index) => `usr_${index}`);
    const calls = users.map(async (userId) => {
      const token = bearing(await bench.issue({ userId }));
      const [one, two] = await Promise.all([shop.buy({ value: "1" }, token), shop.audit({ value: "2" }, token)]);
      return [one.value, two.value];
    });
    expect(await Promise.all(calls)).toEqual(users.map((user) => [`${user}: 1`, `${user}: 2`]));
  });
});
