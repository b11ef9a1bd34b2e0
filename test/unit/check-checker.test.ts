import { beforeAll, describe, expect, it } from "vitest";
import { AUTHENTICATED } from "../../src/check/rule.ts";
import {
  type BenchKey,
  createCheckBench,
  MAX_TTL_MS,
  makeBenchKey,
  STALENESS_BOUND_MS,
} from "../support/check-bench.ts";

let one: BenchKey;
let two: BenchKey;

beforeAll(async () => {
  [one, two] = await Promise.all([makeBenchKey("one"), makeBenchKey("two")]);
});

/** A bench with a token that was granted, and is remembered. */
async function benchWithKnownToken() {
  const bench = createCheckBench([one, two]);
  const token = await bench.issue();
  expect(await bench.verdictOn(token)).toBe("GRANTED");
  return { ...bench, token };
}

describe("A token that is remembered", () => {
  it("is granted for as long as nothing changes, and says whom it speaks for", async () => {
    const { checker, clock, token } = await benchWithKnownToken();
    const authTime = clock.now();
    clock.advance(MAX_TTL_MS - 1);
    expect(checker.check({ token, audience: "sallyport", rule: AUTHENTICATED })).toMatchObject({
      granted: true,
      principal: {
        userId: "usr_1",
        username: "somebody",
        roles: ["user"],
        sessionId: "ses_1",
        authTime,
        expiresAt: authTime + MAX_TTL_MS,
      },
    });
  });

  it("dies at its expiry, and stays dead", async () => {
    const { clock, verdictOn, token } = await benchWithKnownToken();
    clock.advance(MAX_TTL_MS);
    expect([await verdictOn(token), await verdictOn(token)]).toEqual(["TOKEN_EXPIRED", "TOKEN_EXPIRED"]);
  });

  it("dies with its session", async () => {
    const { clock, revocations, verdictOn, token } = await benchWithKnownToken();
    revocations.endSession("ses_2", clock.now() + MAX_TTL_MS);
    expect(await verdictOn(token)).toBe("GRANTED");
    revocations.endSession("ses_1", clock.now() + MAX_TTL_MS);
    expect(await verdictOn(token)).toBe("SESSION_REVOKED");
  });

  it("dies with the privileges that it carries, and a newer one does not", async () => {
    const { clock, revocations, verdictOn, issue, token } = await benchWithKnownToken();
    revocations.raiseEpoch("usr_1", 1, clock.now() + MAX_TTL_MS);
    expect(await verdictOn(token)).toBe("GRANTED");
    revocations.raiseEpoch("usr_1", 2, clock.now() + MAX_TTL_MS);
    expect(await verdictOn(token)).toBe("PRIVILEGES_CHANGED");
    expect(await verdictOn(await issue({ epoch: 2 }))).toBe("GRANTED");
    expect(await verdictOn(await issue({ userId: "usr_2" }))).toBe("GRANTED");
  });

  it("dies with its key, and not with another", async () => {
    const { keys, verdictOn, token } = await benchWithKnownToken();
    keys.delete("two");
    expect(await verdictOn(token)).toBe("GRANTED");
    keys.delete("one");
    expect([await verdictOn(token), await verdictOn(token)]).toEqual(["TOKEN_INVALID", "TOKEN_INVALID"]);
  });

  it("dies when another key takes the name of its own", async () => {
    const { keys, verdictOn, token } = await benchWithKnownToken();
    keys.set("one", { ...two, kid: "one" });
    expect([await verdictOn(token), await verdictOn(token)]).toEqual(["TOKEN_INVALID", "TOKEN_INVALID"]);
  });

  it("is looked at anew, and granted, when its key returns", async () => {
    const { keys, verdictOn, token } = await benchWithKnownToken();
    keys.delete("one");
    expect(await verdictOn(token)).toBe("TOKEN_INVALID");
    keys.set("one", { ...one });
    expect(await verdictOn(token)).toBe("GRANTED");
  });

  it("does not speak for another that differs in its signature alone", async () => {
    const { verdictOn, token } = await benchWithKnownToken();
    const turned = token.endsWith("A") ? "Q" : "A";
    expect(await verdictOn(token.slice(0, -1) + turned)).toBe("TOKEN_INVALID");
    expect(await verdictOn(token)).toBe("GRANTED");
  });

  it("is granted by roles as they are now, not as they were", async () => {
    const { roles, verdictOn, token } = await benchWithKnownToken();
    const rule = { allPermissions: ["orders:read"] };
    expect(await verdictOn(token, rule)).toBe("PERMISSION_MISSING");
    roles.set("user", ["orders:*"]);
    expect(await verdictOn(token, rule)).toBe("GRANTED");
    roles.delete("user");
    expect(await verdictOn(token, { anyRole: ["user"] })).toBe("ROLE_MISSING");
  });
});

describe("Identifying a token", () => {
  it("takes no heed of its time, session, epoch or audience", async () => {
    const { clock, revocations, checker, token } = await benchWithKnownToken();
    clock.advance(MAX_TTL_MS);
    revocations.endSession("ses_1", clock.now() + 1);
    revocations.raiseEpoch("usr_1", 9, clock.now() + 1);
    expect(checker.identify(token)?.principal.sessionId).toBe("ses_1");
  });

  it("takes heed of its key, even if the token is remembered", async () => {
    const { keys, checker, token } = await benchWithKnownToken();
    keys.delete("one");
    expect(checker.identify(token)).toBeNull();
  });

  it("finds nobody behind anything else", async () => {
    const { checker, token } = await benchWithKnownToken();
    for (const other of ["", "a.b.c", `${token} `, token.slice(1)]) expect(checker.identify(other)).toBeNull();
  });
});

describe("The audience", () => {
  it("must be among those of the token, to the letter", async () => {
    const { verdictOn, issue } = createCheckBench([one]);
    const token = await issue({ audiences: ["orders", "billing"] });
    for (const audience of ["orders", "billing"]) expect(await verdictOn(token, {}, audience)).toBe("GRANTED");
    for (const audience of ["sallyport", "", "order", "orders ", "ORDERS", "orders,billing", "*"]) {
      expect(await verdictOn(token, {}, audience), audience).toBe("AUDIENCE_MISMATCH");
    }
  });

  it("is nobody's if the token has none", async () => {
    const { verdictOn, issue } = createCheckBench([one]);
    expect(await verdictOn(await issue({ audiences: [] }), {}, "")).toBe("AUDIENCE_MISMATCH");
  });
});

describe("A reason is told", () => {
  it("in this order: key, time, session, privileges, audience, rule", async () => {
    const { clock, keys, revocations, verdictOn, issue } = createCheckBench([one]);
    const token = await issue({ lifeMs: 60_000, audiences: ["orders"] });
    const ask = () => verdictOn(token, { anyRole: ["nobody"] }, audience);
    let audience = "orders";
    expect(await ask()).toBe("ROLE_MISSING");
    audience = "sallyport";
    expect(await ask()).toBe("AUDIENCE_MISMATCH");
    revocations.raiseEpoch("usr_1", 2, clock.now() + 120_000);
    expect(await ask()).toBe("PRIVILEGES_CHANGED");
    revocations.endSession("ses_1", clock.now() + 120_000);
    expect(await ask()).toBe("SESSION_REVOKED");
    clock.advance(60_000);
    expect(await ask()).toBe("TOKEN_EXPIRED");
    keys.clear();
    expect(await ask()).toBe("TOKEN_INVALID");
    expect(await verdictOn("", { anyRole: ["nobody"] })).toBe("TOKEN_MISSING");
  });
});

describe("How long an answer may be kept", () => {
  async function cacheFor(lifeMs: number, staleMs: number): Promise<number> {
    const { checker, clock, confirm, issue } = createCheckBench([one]);
    const token = await issue({ lifeMs: lifeMs + staleMs });
    confirm();
    clock.advance(staleMs);
    const decision = checker.check({ token, audience: "sallyport", rule: AUTHENTICATED });
    return decision.granted ? decision.cacheForMs : Number.NaN;
  }

  it("is the staleness bound, counted from when the knowledge was confirmed", async () => {
    expect(await cacheFor(60_000, 0)).toBe(STALENESS_BOUND_MS);
    expect(await cacheFor(60_000, 4_000)).toBe(STALENESS_BOUND_MS - 4_000);
  });

  it("is nothing where the knowledge is too old, and never less than that", async () => {
    for (const staleMs of [STALENESS_BOUND_MS, STALENESS_BOUND_MS + 1000, 300_000]) {
      expect(await cacheFor(60_000, staleMs)).toBe(0);
    }
  });

  it("is what is left of the token where that is less", async () => {
    expect(await cacheFor(3_000, 0)).toBe(3_000);
    expect(await cacheFor(1_000, 4_000)).toBe(1_000);
  });
});
