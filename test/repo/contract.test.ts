import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { default_rule, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { DenialReasonSchema, NextStepSchema } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { ErrorReasonSchema } from "../../gen/sallyport/auth/v1/error_reason_pb.ts";
import { denied } from "../../src/check/decision.ts";
import { REASONS } from "../../src/errors.ts";
import { codeName } from "../../src/rpc/observe.ts";

const protoFolder = join(import.meta.dirname, "../../proto");
const services: readonly DescService[] = [AuthService, AccountService, AdminService];
const methods = services.flatMap((service) =>
  service.methods.map((method) => ({ title: `${service.name}.${method.name}`, method })),
);

describe("The contract", () => {
  it.each(methods)("says of $title who may call it, how it fails and whether a retry is safe", ({ method }) => {
    const comment = commentOf(method.parent, method.name);
    expect(comment).toMatch(/^Callers: \S/m);
    expect(comment).toMatch(/^Retry: \S/m);
    const reasons = /^Fails with: ([\s\S]+?)\.$/m.exec(comment)?.[1];
    const named = reasons?.startsWith("nothing of its own") ? [] : reasons?.replace(/ \(.*?\)/g, "").split(/,\s+/);
    expect(named?.filter((reason) => !Object.hasOwn(REASONS, reason))).toEqual([]);
  });

  it.each(methods)("states an access rule for $title", ({ method }) => {
    const own = hasOption(method, rule) ? getOption(method, rule) : getOption(method.parent, default_rule);
    expect(own.public || own.authenticated || own.anyRole.length > 0 || own.allPermissions.length > 0).toBe(true);
  });

  it.each(methods)("lets no client put $title into a URL", ({ method }) => {
    expect(method.idempotency).not.toBe(MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS);
  });

  it("has a status code in the comment of every error reason, which is the one that is sent", () => {
    const text = readFileSync(join(protoFolder, "sallyport/auth/v1/error_reason.proto"), "utf8");
    const stated = [...text.matchAll(/([A-Z_]+)\.\n {2}ERROR_REASON_(\w+) = /g)].map(([, code, reason]) => [
      reason,
      code,
    ]);
    const sent = Object.entries(REASONS).map(([reason, { code }]) => [reason, codeName(Code[code])]);
    expect(Object.fromEntries(stated)).toEqual(Object.fromEntries(sent));
  });

  it("has the same reasons in the code and in the proto", () => {
    const inProto = ErrorReasonSchema.values.map(({ localName }) => localName).filter((name) => name !== "UNSPECIFIED");
    expect(Object.keys(REASONS).sort()).toEqual(inProto.sort());
  });

  it("has a next step in the proto for every reason of denial", () => {
    const reasons = DenialReasonSchema.values
      .map(({ localName }) => localName)
      .filter((name) => name !== "UNSPECIFIED");
    const steps = NextStepSchema.values.map(({ localName }) => localName);
    for (const reason of reasons) expect(steps).toContain(denied(reason as Parameters<typeof denied>[0]).nextStep);
    expect(reasons).toHaveLength(9);
  });
});

function commentOf(service: DescService, method: string): string {
  const text = readFileSync(join(protoFolder, `${service.file.name}.proto`), "utf8");
  const comment = new RegExp(`((?: {2}//.*\\n)+) {2}rpc ${method}\\(`).exec(text)?.[1] ?? "";
  return comment.replace(/^ {2}\/\/ ?/gm, "");
}
