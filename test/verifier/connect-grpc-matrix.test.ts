/** Rules × callers: a guard says what the checker says, whatever carries it. */
import { createServer } from "node:http2";
import { create, type DescMethod, type DescMethodUnary, type DescService } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { Freshness } from "../../gen/sallyport/access/v1/access_pb.ts";
import { readRule } from "../../src/access/method-rules.ts";
import type { Rule } from "../../src/check/rule.ts";
import { Refusal } from "../../src/errors.ts";
import * as forConnect from "../../src/verifier/connect/guard.ts";
import * as forGrpc from "../../src/verifier/grpc/guard.ts";
import { createAdmission, type GuardOptions } from "../../src/verifier/guard/admission.ts";
import { createBenchVerifier } from "../support/bench-verifier.ts";
import { fileOf, type Stated, serviceOf } from "../support/described.ts";
import { refusalOf } from "../support/refusals.ts";
import { AUDIENCE, createShopBench } from "../support/shop-callers.ts";
import { bearing, listening } from "../support/shop-servers.ts";

const RULES: readonly Stated[] = [
  { public: true },
  { authenticated: true },
  { anyRole: ["clerk"] },
  { anyRole: ["clerk", "owner"] },
  { anyRole: ["ghost"] },
  { allPermissions: ["orders:read"] },
  { allPermissions: ["orders:read", "orders:refund"] },
  { anyRole: ["owner"], allPermissions: ["orders:refund"] },
  { maxAuthAge: { seconds: 300n } },
  { maxAuthAge: { seconds: 1n } },
  { authenticated: true, freshness: Freshness.REMOTE },
  { anyRole: ["clerk"], freshness: Freshness.REMOTE, maxAuthAge: { seconds: 60n } },
];
const ROLES = ["user", "clerk", "owner", "ghost"];

/** A service with a method for each rule. */
function serviceWith(rules: readonly Stated[], name = "Matrix"): DescService {
  return serviceOf(
    fileOf(
      name,
      rules.map((rule, index) => ({ name: `M${index}`, rule })),
    ),
  );
}

/** Those who are refused everywhere, and somebody for each set of roles. */
async function callersOf(bench: Awaited<ReturnType<typeof createShopBench>>) {
  const refused = Object.entries(await bench.refusedTokens()).map(([who, [, token]]) => [who, token] as const);
  const sets = Array.from({ length: 2 ** ROLES.length }, (_, set) =>
    ROLES.filter((_role, at) => (set >> at) % 2 === 1),
  );
  const holders = sets.map(async (roles) => [`holder of ${roles.join()}`, await bench.issue({ roles })] as const);
  const all = [...refused, ...(await Promise.all(holders))];
  bench.clock.advance(2_000);
  bench.confirm();
  return all;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function ruleOf(method: DescMethod): Rule {
  const { rule, fault } = readRule(method);
  if (rule === null) throw new Error(fault);
  return rule;
}

async function serveConnect(options: GuardOptions): Promise<number> {
  const handler = connectNodeAdapter({
    routes: (router) => {
      for (const method of options.services.flatMap(({ methods }) => methods))
        if (isUnary(method)) router.rpc(method, () => ({}));
    },
    interceptors: [forConnect.createGuard(options)],
  });
  return listening(createServer(handler));
}

function serveGrpc(options: GuardOptions): Promise<number> {
  const server = new grpc.Server({ interceptors: [forGrpc.createGuard(options)] });
  const raw = (bytes: Buffer) => bytes;
  const coded = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };
  for (const { name, parent } of options.services.flatMap(({ methods }) => methods)) {
    const path = `/${parent.typeName}/${name}`;
    const answer: grpc.handleUnaryCall<Buffer, Buffer> = (_call, done) => done(null, Buffer.alloc(0));
    server.addService({ [name]: { path, requestStream: false, responseStream: false, ...coded } }, { [name]: answer });
  }
  onTestFinished(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

/** `GRANTED`, or the reason of the refusal. */
async function outcomeOf(transport: Transport, method: DescMethod, token: string): Promise<string | null> {
  if (!isUnary(method)) throw new Error("the matrix is unary");
  const { headers } = bearing(token);
  const call = transport.unary(method, undefined, undefined, headers, create(EmptySchema), undefined);
  return call.then(
    () => "GRANTED",
    async (error) => (await refusalOf(Promise.reject(error))).reason,
  );
}

describe.each([
  ["Connect", serveConnect],
  ["grpc-js", serveGrpc],
])("On a server of %s", (_name, serve) => {
  it("each caller gets at each rule what the checker says", async () => {
    const bench = await createShopBench();
    const verifier = createBenchVerifier(bench);
    const services = [serviceWith(RULES)];
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${await serve({ verifier, services })}` });
    const outcomes = new Map<string | null, number>();
    for (const [who, token] of await callersOf(bench)) {
      for (const method of services.flatMap(({ methods }) => methods)) {
        const rule = ruleOf(method);
        const decision = bench.checker.check({ token, audience: AUDIENCE, rule });
        const expected = rule.public || decision.granted ? "GRANTED" : decision.reason;
        const outcome = await outcomeOf(transport, method, token);
        expect([who, method.name, outcome]).toEqual([who, method.name, expected]);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    // Every way to be refused, and to pass, was among them.
    expect(outcomes.size).toBe(10);
  });
});

describe("Whatever the rule and whoever the caller", () => {
  const names = (from: readonly string[]) => fc.uniqueArray(fc.constantFrom(...from), { maxLength: 3 });
  const rules: fc.Arbitrary<Stated> = fc.record({
    authenticated: fc.constant(true),
    anyRole: names(ROLES),
    allPermissions: names(["orders:read", "orders:refund", "stock:read"]),
    maxAuthAge: fc
      .option(fc.record({ seconds: fc.bigInt(1n, 900n) }), { nil: undefined })
      .map((age) => age ?? { seconds: 10_000n }),
    freshness: fc.constantFrom(Freshness.UNSPECIFIED, Freshness.LOCAL, Freshness.REMOTE),
  });
  const grants = fc.record({
    roles: names(ROLES),
    sessionId: fc.constantFrom("ses_1", "ses_ended"),
    userId: fc.constantFrom("usr_1", "usr_changed"),
    epoch: fc.constantFrom(1, 2),
    audiences: fc.constantFrom([AUDIENCE], ["sallyport"], ["sallyport", AUDIENCE]),
    lifeMs: fc.constantFrom(1_000, 300_000, 600_000),
  });

  it("the guard's verdict is the checker's", async () => {
    const verdicts = new Set<string>();
    const property = fc.asyncProperty(
      rules,
      grants,
      fc.integer({ min: 0, max: 700_000 }),
      async (stated, grant, later) => {
        const bench = await createShopBench();
        await bench.refusedTokens();
        const token = await bench.issue(grant);
        bench.clock.advance(later);
        bench.confirm();
        const services = [serviceWith([stated])];
        const [method] = services.flatMap(({ methods }) => methods);
        if (method === undefined) throw new Error("no method");
        const admit = createAdmission({ verifier: createBenchVerifier(bench), services });
        const call = {
          path: "/shop.v1.Matrix/M0",
          authorization: [`Bearer ${token}`],
          signal: new AbortController().signal,
        };
        const verdict = await admit(call).then(
          ({ principal }) => principal,
          (error) => (error instanceof Refusal ? error.reason : error),
        );
        const decision = bench.checker.check({ token, audience: AUDIENCE, rule: ruleOf(method) });
        expect(verdict).toEqual(decision.granted ? decision.principal : decision.reason);
        verdicts.add(decision.granted ? "GRANTED" : decision.reason);
      },
    );
    // Somebody who passes: chance might leave that out.
    const session = { sessionId: "ses_1", userId: "usr_1", epoch: 1 } as const;
    const passes = { ...session, roles: [], audiences: [AUDIENCE] as const, lifeMs: 600_000 as const };
    await fc.assert(property, { numRuns: 300, examples: [[{ authenticated: true }, passes, 0]] });
    expect(verdicts).toContain("GRANTED");
    expect(verdicts.size).toBeGreaterThan(4);
  });
});
