import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { covers } from "../../src/check/permission.ts";

describe("A grant", () => {
  it.each([
    ["orders:read", "orders:read"],
    ["orders:*", "orders:read"],
    ["orders:*", "orders:eu:read"],
    ["orders:*", "orders:*"],
    ["orders:*", "orders:eu:*"],
    ["orders:eu:*", "orders:eu:read"],
    ["*", "orders:read"],
    ["*", "orders"],
    ["*", "orders:*"],
    ["*", "*"],
  ])("%s covers %s", (grant, wanted) => {
    expect(covers(grant, wanted)).toBe(true);
  });

  it.each([
    ["orders:read", "orders:write"],
    ["orders:read", "orders:*"],
    ["orders:read", "orders"],
    ["orders:read", "orders:read:own"],
    ["orders:read", "ORDERS:READ"],
    ["orders:*", "orders"],
    ["orders:*", "*"],
    ["orders:*", "ordersystem:read"],
    ["orders:*", "billing:read"],
    ["orders:eu:*", "orders:*"],
    ["orders:eu:*", "orders:us:read"],
    ["orders:eu:*", "orders:europe"],
    ["orders", "orders:read"],
    ["orders*", "orders:read"],
    ["", "orders:read"],
    [":*", "orders:read"],
  ])("%s does not cover %s", (grant, wanted) => {
    expect(covers(grant, wanted)).toBe(false);
  });

  const name = fc
    .array(fc.constantFrom("a", "b", "aa"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(":"));
  const grant = fc.oneof(
    name,
    name.map((prefix) => `${prefix}:*`),
    fc.constant("*"),
  );

  it("covers itself, and is covered by *", () => {
    fc.assert(fc.property(grant, (one) => covers(one, one) && covers("*", one)));
  });

  it("covers whatever is covered by what it covers", () => {
    fc.assert(
      fc.property(grant, grant, grant, (one, two, three) => {
        if (covers(one, two) && covers(two, three)) expect(covers(one, three)).toBe(true);
      }),
    );
  });

  it("covers a name exactly if it is that name, or begins with its parts", () => {
    fc.assert(
      fc.property(grant, name, (one, wanted) => {
        const parts = one.split(":");
        const begins = parts.slice(0, -1).every((part, index) => wanted.split(":")[index] === part);
        const isLonger = wanted.split(":").length >= parts.length;
        expect(covers(one, wanted)).toBe(one === wanted || (parts.at(-1) === "*" && begins && isLonger));
      }),
    );
  });
});
