import { describe, expect, it } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import * as connect from "../../src/verifier/connect/guard.ts";
import * as grpc from "../../src/verifier/grpc/guard.ts";
import { createBenchVerifier } from "../support/bench-verifier.ts";
import { createCheckBench } from "../support/check-bench.ts";
import { fileOf, serviceOf } from "../support/described.ts";
import { Shop } from "../support/guarded-shop.ts";

const verifier = createBenchVerifier(createCheckBench([]));

describe.each([
  ["Connect", connect],
  ["grpc-js", grpc],
] as const)("A guard for %s is not made", (_name, { createGuard, AccessRuleError }) => {
  const withServices = (...services: readonly ReturnType<typeof serviceOf>[]) => {
    return () => createGuard({ verifier, services });
  };

  it("over a method that has no rule, nor has its service, and names it", () => {
    const stock = serviceOf(fileOf("Stock", [{ name: "Count", rule: { public: true } }, { name: "Order" }]));
    expect(withServices(Shop, stock)).toThrow(AccessRuleError);
    expect(withServices(Shop, stock)).toThrow("shop.v1.Stock.Order has no access rule");
    expect(withServices(Shop, stock)).not.toThrow("Stock.Count");
  });

  it("over several, and names them all", () => {
    const stock = serviceOf(fileOf("Stock", [{ name: "Count" }, { name: "Order" }, { name: "Move", rule: {} }]));
    expect(withServices(stock)).toThrow(/Stock\.Count[\s\S]*Stock\.Order[\s\S]*Stock\.Move: the access rule is empty/);
  });

  it("over one method that is told twice, for which of the two holds nobody can tell", () => {
    const [lax, strict] = [{ public: true }, { anyRole: ["owner"] }].map((rule) =>
      serviceOf(fileOf("Stock", [{ name: "Count", rule }])),
    );
    if (lax === undefined || strict === undefined) throw new Error("no services");
    expect(withServices(lax, strict)).toThrow("shop.v1.Stock.Count is given twice");
    expect(withServices(lax, lax)).not.toThrow();
  });

  it("over nothing, which would close every door", () => {
    expect(withServices()).toThrow(AccessRuleError);
    expect(withServices(Health)).toThrow("no services were given");
  });

  it("over nothing but what its rules say, even where it only reports", () => {
    const services = [serviceOf(fileOf("Stock", [{ name: "Order" }]))];
    expect(() => createGuard({ verifier, services, reportOnly: { onReport: () => {} } })).toThrow("Stock.Order");
  });

  it("unless it can be: with a rule for each method, from the service if need be, and with health beside them", () => {
    const stock = serviceOf(fileOf("Stock", [{ name: "Order" }], { anyRole: ["owner"] }));
    expect(withServices(Shop, stock, Health)).not.toThrow();
  });
});
