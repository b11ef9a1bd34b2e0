/** Messages that never change, and what is kept of how they were written. */
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AuthorizeResponseSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { GrantedSchema, PrincipalSchema } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { unchanging, writtenOf } from "../../src/rpc/unchanging.ts";
import { createEncoder } from "../../src/server/unary/encoder.ts";
import { createJsonWriter } from "../../src/server/unary/json-writer.ts";

const encode = createEncoder(AuthorizeResponseSchema);
const write = createJsonWriter(AuthorizeResponseSchema);

function principalOf(username: string) {
  return create(PrincipalSchema, { userId: "usr_1", username, roles: ["user"], sessionId: "ses_1" });
}

function granting(principal: ReturnType<typeof principalOf>) {
  const value = create(GrantedSchema, { principal });
  return create(AuthorizeResponseSchema, { decision: { case: "granted", value } });
}

describe("A message that never changes", () => {
  it("is written the same each time, as the library writes it, and what was written is kept", () => {
    const principal = unchanging(principalOf("ada"));
    const response = granting(principal);
    expect(writtenOf(Object(principal))).toEqual({ binary: null, json: null });
    for (let times = 0; times < 3; times += 1) {
      expect(encode?.(response, 0)).toEqual(Buffer.from(toBinary(AuthorizeResponseSchema, response)));
      expect(write?.(response)).toBe(toJsonString(AuthorizeResponseSchema, response));
    }
    expect(writtenOf(Object(principal))?.binary).toEqual(Buffer.from(toBinary(PrincipalSchema, principal)));
    expect(writtenOf(Object(principal))?.json).toBe(toJsonString(PrincipalSchema, principal));
  });

  it("cannot be changed, nor can its lists", () => {
    const principal = unchanging(principalOf("ada"));
    expect(() => Object.assign(principal, { username: "eve" })).toThrow(TypeError);
    expect(() => principal.roles.push("admin")).toThrow(TypeError);
  });

  it("leaves nothing that was written to a copy that somebody changes", () => {
    const principal = unchanging(principalOf("ada"));
    encode?.(granting(principal), 0);
    write?.(granting(principal));
    const changed = { ...principal, username: "eve" };
    expect(writtenOf(Object(changed))).toBeUndefined();
    expect(encode?.(granting(changed), 0)).toEqual(Buffer.from(toBinary(AuthorizeResponseSchema, granting(changed))));
    expect(write?.(granting(changed))).toContain('"eve"');
  });

  it("may be larger than what writers have room for at first", () => {
    const principal = unchanging({ ...principalOf("ada"), roles: Array.from({ length: 9000 }, (_, n) => `role-${n}`) });
    const whole = Buffer.from(toBinary(AuthorizeResponseSchema, granting(principal)));
    expect(encode?.(granting(principal), 0)).toEqual(whole);
    expect(encode?.(granting(principal), 0)).toEqual(whole);
  });
});
