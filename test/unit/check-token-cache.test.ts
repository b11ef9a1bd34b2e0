import { beforeAll, describe, expect, it } from "vitest";
import type { AccessToken } from "../../src/check/access-token.ts";
import { createTokenCache } from "../../src/check/token-cache.ts";
import { type BenchKey, makeBenchKey } from "../support/check-bench.ts";

let key: BenchKey;

beforeAll(async () => {
  key = await makeBenchKey("one");
});

function tokenOf(userId: string): AccessToken {
  const principal = { userId, username: userId, roles: [], sessionId: "ses_1", authTime: 0, expiresAt: 1 };
  return { principal, session: new Uint32Array(4), user: new Uint32Array(4), audiences: ["sallyport"], epoch: 1, key };
}

describe("The token cache", () => {
  it("gives back what was put in, for exactly that text", () => {
    const cache = createTokenCache(2);
    const kept = tokenOf("ada");
    cache.set("a.b.c", kept);
    expect(cache.get("a.b.c")).toBe(kept);
    for (const other of ["", "a.b", "a.b.c ", "A.b.c", "__proto__"]) expect(cache.get(other)).toBeUndefined();
  });

  it("never holds more than it may, and lets the oldest go", () => {
    const cache = createTokenCache(3);
    for (let index = 0; index < 1000; index += 1) cache.set(`t${index}`, tokenOf("ada"));
    const held = Array.from({ length: 1000 }, (_, index) => `t${index}`).filter((text) => cache.get(text));
    expect(held).toEqual(["t997", "t998", "t999"]);
  });

  it("makes no room for a text that it holds already", () => {
    const cache = createTokenCache(2);
    cache.set("one", tokenOf("ada"));
    cache.set("two", tokenOf("ada"));
    const again = tokenOf("bob");
    cache.set("one", again);
    expect([cache.get("one"), cache.get("two")?.principal.userId]).toEqual([again, "ada"]);
  });

  it("holds nothing if it may hold nothing", () => {
    const cache = createTokenCache(0);
    cache.set("one", tokenOf("ada"));
    expect(cache.get("one")).toBeUndefined();
  });

  it("forgets what is deleted, and nothing else", () => {
    const cache = createTokenCache(2);
    cache.set("one", tokenOf("ada"));
    cache.set("two", tokenOf("ada"));
    cache.delete("one");
    cache.delete("three");
    expect([cache.get("one"), cache.get("two")?.principal.userId]).toEqual([undefined, "ada"]);
  });

  it("tells texts apart that end alike, and keeps the one that came last", () => {
    const cache = createTokenCache(2);
    const end = "x".repeat(50);
    cache.set(`a${end}`, tokenOf("ada"));
    expect(cache.get(`b${end}`)).toBeUndefined();
    cache.delete(`b${end}`);
    expect(cache.get(`a${end}`)?.principal.userId).toBe("ada");
    cache.set(`b${end}`, tokenOf("bob"));
    expect([cache.get(`a${end}`), cache.get(`b${end}`)?.principal.userId]).toEqual([undefined, "bob"]);
  });

  it("never holds more than it may, whatever was deleted in between", () => {
    const cache = createTokenCache(3);
    for (let index = 0; index < 100; index += 1) {
      cache.set(`t${index}`, tokenOf("ada"));
      if (index % 4 === 0) cache.delete(`t${index}`);
      if (index % 5 === 0) cache.delete(`t${index - 1}`);
      const held = Array.from({ length: index + 1 }, (_, at) => `t${at}`).filter((text) => cache.get(text));
      expect(held.length).toBeLessThanOrEqual(3);
    }
  });
});
