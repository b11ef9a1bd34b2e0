/** Rules out of descriptors, whatever registry these come from. */
import { create, createFileRegistry, type DescFile, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import { fileDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, file_google_protobuf_empty } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AccessRuleSchema,
  file_sallyport_access_v1_access,
  rule as ownRule,
} from "../../gen/sallyport/access/v1/access_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AccessRuleError, readMethodRules, readRule } from "../../src/access/method-rules.ts";
import { AUTHENTICATED } from "../../src/check/rule.ts";
import { fileOf, type Stated, serviceOf } from "../support/described.ts";

const PUBLIC = { ...AUTHENTICATED, public: true };
const REFUND = { ...AUTHENTICATED, anyRole: ["clerk"], allPermissions: ["orders:refund"], maxAuthAgeMs: 300_500 };

const FILE = fileOf(
  "Shop",
  [
    { name: "Browse", rule: { public: true } },
    { name: "Buy" },
    {
      name: "Refund",
      rule: {
        anyRole: ["clerk"],
        allPermissions: ["orders:refund"],
        maxAuthAge: { seconds: 300n, nanos: 500_000_000 },
        freshness: 2,
      },
    },
  ],
  { authenticated: true },
);

const bytes = toBinary(FileDescriptorProtoSchema, FILE);
const setOf = (...files: readonly (typeof FILE)[]) =>
  fromBinary(
    FileDescriptorSetSchema,
    toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...files] })),
  );

/** A file behind all that it imports. */
function withImports({ proto, dependencies }: DescFile): readonly (typeof FILE)[] {
  const all = [...dependencies.flatMap(withImports), proto];
  return all.filter(({ name }, index) => all.findIndex((one) => one.name === name) === index);
}

/** The same service as it comes by each way there is. */
const WAYS: readonly (readonly [string, () => DescService | undefined])[] = [
  [
    "a descriptor set",
    () => createFileRegistry(setOf(file_google_protobuf_empty.proto, FILE)).getService("shop.v1.Shop"),
  ],
  [
    "a descriptor set that brings the options along",
    () => {
      const set = setOf(file_google_protobuf_empty.proto, ...withImports(file_sallyport_access_v1_access), FILE);
      return createFileRegistry(set).getService("shop.v1.Shop");
    },
  ],
  [
    "generated code",
    () => serviceDesc(fileDesc(Buffer.from(bytes).toString("base64"), [file_google_protobuf_empty]), 0),
  ],
  [
    "reflection",
    () =>
      createFileRegistry(fromBinary(FileDescriptorProtoSchema, bytes), (name) =>
        name === file_google_protobuf_empty.proto.name ? file_google_protobuf_empty : undefined,
      ).getService("shop.v1.Shop"),
  ],
];

describe("The rules of a service", () => {
  it.each(WAYS)("are found where its descriptor comes from %s", (_way, read) => {
    const service = read();
    expect(service).toBeDefined();
    if (service === undefined) return;
    expect([...readMethodRules([service])].map(([{ name }, rule]) => [name, rule])).toEqual([
      ["Browse", PUBLIC],
      ["Buy", AUTHENTICATED],
      ["Refund", { ...REFUND, freshness: "REMOTE" }],
    ]);
  });

  it("are those of every method, and of several services together", () => {
    const rules = readMethodRules([AdminService, serviceOf(FILE)]);
    expect(rules.size).toBe(AdminService.methods.length + 3);
    expect(rules.get(AdminService.method.listUsers)).toEqual({ ...AUTHENTICATED, allPermissions: ["users:read"] });
  });

  it("replace the default of the service as a whole", () => {
    const file = fileOf("Shop", [{ name: "Buy", rule: { anyRole: ["clerk"] } }], { allPermissions: ["orders:write"] });
    expect([...readMethodRules([serviceOf(file)]).values()]).toEqual([{ ...AUTHENTICATED, anyRole: ["clerk"] }]);
  });

  it("are none for a service without methods", () => {
    expect(readMethodRules([serviceOf(fileOf("Shop", []))]).size).toBe(0);
  });
});

/** A freshness that may be none of this version: read from bytes, as that of a later one would be. */
function unknownFreshness(value: number) {
  return fromBinary(AccessRuleSchema, Uint8Array.of(0x30, value)).freshness;
}

describe("A rule is refused", () => {
  const faultOf = (method: { rule?: Stated; bytes?: Uint8Array }) => {
    const [buy] = serviceOf(fileOf("Shop", [{ name: "Buy", ...method }])).methods;
    return buy === undefined ? "no method" : readRule(buy).fault;
  };

  const UNFIT: readonly (readonly [string, Stated, string])[] = [
    ["that says nothing", {}, "the access rule is empty"],
    ["of freshness alone", { freshness: 2 }, "the access rule is empty"],
    ["that is public, and is not", { public: true, authenticated: true }, "a public rule states nothing else"],
    [
      "with a freshness of the future",
      { authenticated: true, freshness: unknownFreshness(3) },
      "freshness 3 is not known",
    ],
    ["with no time at all", { maxAuthAge: {} }, "max_auth_age is not above zero"],
    ["with a time before it began", { maxAuthAge: { seconds: -1n } }, "max_auth_age is not above zero"],
    ["with a role that is none", { anyRole: ["user", "Clerk"] }, 'any_role has "Clerk", which nobody can hold'],
    ["with an empty role", { anyRole: [""] }, 'any_role has "", which nobody can hold'],
    ["with a role too long", { anyRole: ["a".repeat(65)] }, `any_role has "${"a".repeat(65)}", which nobody can hold`],
    ["with a role twice", { anyRole: ["a", "b", "a"] }, "any_role has a twice"],
    [
      "with too many roles",
      { anyRole: Array.from({ length: 33 }, (_, index) => `r${index}`) },
      "any_role has more than 32 names",
    ],
    [
      "with a grant for a permission",
      { allPermissions: ["orders:*"] },
      'all_permissions has "orders:*", which nobody can hold',
    ],
    ["with a line end behind a name", { anyRole: ["clerk\n"] }, 'any_role has "clerk\\n", which nobody can hold'],
    [
      "with a name that would do something to a terminal",
      { anyRole: ["\x1b[2J\u009b2J\u202eclerk"] },
      'any_role has "\\u001b[2J\\u009b2J\\u202eclerk", which nobody can hold',
    ],
  ];
  it.each(UNFIT)("%s", (_what, stated, fault) => {
    expect(faultOf({ rule: stated })).toBe(fault);
  });

  it("that states what only a later version knows: to skip a condition would open a door", () => {
    const later = [...toBinary(AccessRuleSchema, create(AccessRuleSchema, { authenticated: true })), 0x7a, 0x01, 0x61];
    expect(faultOf({ bytes: Uint8Array.of(later.length, ...later) })).toBe(
      "the access rule states what this version of sallyport does not know",
    );
  });

  it("whose option is a number", () => {
    const shop = serviceOf(fileOf("Shop", [{ name: "Buy", rule: { public: true } }]));
    const options = shop.methods[0]?.proto.options;
    if (options === undefined || shop.methods[0] === undefined) throw new Error("no options");
    options.$unknown = [{ no: ownRule.number, wireType: 0, data: Uint8Array.of(1) }];
    expect(readRule(shop.methods[0]).fault).toBe("the access rule cannot be read");
  });

  it.each([
    ["text", Buffer.from("\x05admin")],
    ["a message of another kind", Uint8Array.of(4, 0x0a, 0x02, 0x08, 0x01)],
    ["a rule whose time is of texts", Uint8Array.of(6, 0x2a, 0x04, 0x0a, 0x02, 0x08, 0x01)],
    ["a rule that ends in the middle", Uint8Array.of(4, 0x10, 0x01, 0x1a, 0x05)],
    ["nothing at all", Uint8Array.of(0)],
  ])("whose option is somebody else's of that number, or broken: %s", (_what, option) => {
    expect(faultOf({ bytes: option })).not.toBeNull();
  });

  it("together with all others, by their full names, each with its reason", () => {
    const shop = serviceOf(
      fileOf("Shop", [{ name: "Buy" }, { name: "Sell", rule: {} }, { name: "Pay", rule: { public: true } }]),
    );
    const stock = serviceOf(fileOf("Stock", [{ name: "Sync", rule: { anyRole: ["X"] } }]));
    expect(() => readMethodRules([shop, stock])).toThrow(
      new AccessRuleError(`the services cannot be guarded:
  shop.v1.Shop.Buy has no access rule
  shop.v1.Shop.Sell: the access rule is empty
  shop.v1.Stock.Sync: any_role has "X", which nobody can hold`),
    );
  });

  it("exactly where the bounds of access.proto refuse it", () => {
    const { validate } = createValidator();
    const name = fc.oneof(
      fc.constantFrom("clerk", "a.b-c_d", "orders:read", "a:b:c", "a:", ":a", "9", "*", "", "a".repeat(64), "é"),
      fc.string({ maxLength: 4 }),
      fc.integer({ min: 60, max: 130 }).map((length) => "x".repeat(length)),
    );
    const rules = fc.record({
      authenticated: fc.constant(true),
      anyRole: fc.array(name, { maxLength: 3 }),
      allPermissions: fc.array(name, { maxLength: 3 }),
      maxAuthAge: fc.option(fc.record({ seconds: fc.bigInt({ min: -2n, max: 2n }) }), { nil: undefined }),
      freshness: fc.integer({ min: 0, max: 3 }).map(unknownFreshness),
    });
    fc.assert(
      fc.property(rules, ({ maxAuthAge, ...stated }) => {
        const whole: Stated = maxAuthAge === undefined ? stated : { ...stated, maxAuthAge };
        const { kind } = validate(AccessRuleSchema, create(AccessRuleSchema, whole));
        expect(faultOf({ rule: whole }) === null).toBe(kind === "valid");
      }),
      { numRuns: 500 },
    );
  });
});
