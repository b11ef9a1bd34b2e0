import { create, createFileRegistry, type DescService, setExtension } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_empty,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type AccessRule, AccessRuleSchema, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { AccessRuleError } from "../../src/access/method-rules.ts";
import { ANY_SERVICE, forServicesOnly, readAccessRules } from "../../src/rpc/access-rules.ts";

/** A service of somebody's proto whose one method states this rule, or none. */
function serviceWith(stated: Partial<Omit<AccessRule, "$typeName">> | null): DescService {
  const options = create(MethodOptionsSchema);
  if (stated !== null) setExtension(options, rule, create(AccessRuleSchema, stated));
  const empty = ".google.protobuf.Empty";
  const file = {
    name: "shop/v1/shop.proto",
    package: "shop.v1",
    syntax: "proto3",
    dependency: ["google/protobuf/empty.proto"],
    service: [{ name: "Shop", method: [{ name: "Buy", inputType: empty, outputType: empty, options }] }],
  };
  const files = [file_google_protobuf_descriptor.proto, file_google_protobuf_empty.proto, file];
  const service = createFileRegistry(create(FileDescriptorSetSchema, { file: files })).getService("shop.v1.Shop");
  if (service === undefined) throw new Error("the service is missing from its own file");
  return service;
}

describe("A server does not start with a method", () => {
  const refused = (stated: Parameters<typeof serviceWith>[0]) => () => readAccessRules([serviceWith(stated)]);

  it("that has no rule, nor has its service, and names it", () => {
    expect(refused(null)).toThrow(AccessRuleError);
    expect(refused(null)).toThrow("shop.v1.Shop.Buy has no access rule");
  });

  it("whose rule asks for nothing", () => {
    expect(refused({})).toThrow("shop.v1.Shop.Buy: the access rule is empty");
  });

  it.each([
    { public: true, authenticated: true },
    { public: true, anyRole: ["admin"] },
    { public: true, allPermissions: ["users:read"] },
    { public: true, maxAuthAge: { $typeName: "google.protobuf.Duration", seconds: 60n, nanos: 0 } as const },
  ])("that is public on conditions: %o", (stated) => {
    expect(refused(stated)).toThrow("shop.v1.Shop.Buy: a public rule states nothing else");
  });

  it("among others, and names every such one", () => {
    const attempt = () => readAccessRules([AuthService, serviceWith(null), serviceWith({})]);
    expect(attempt).toThrow(/has no access rule[\s\S]*the access rule is empty/);
  });
});

describe("A rule that stands", () => {
  it("is read as it is stated", () => {
    const shop = serviceWith({ anyRole: ["clerk"], allPermissions: ["orders:write"] });
    const [stated] = readAccessRules([shop]).values();
    expect(stated).toMatchObject({
      public: false,
      anyRole: ["clerk"],
      allPermissions: ["orders:write"],
      maxAuthAgeMs: null,
    });
  });

  it("gives way where the operator leaves the method to services", () => {
    const { authorize, login } = AuthService.method;
    const rules = forServicesOnly(readAccessRules([AuthService]), [authorize]);
    expect(rules.get(authorize)).toBe(ANY_SERVICE);
    expect(rules.get(login)).toMatchObject({ public: true });
  });
});
