/** `check` and `Authorize` are one: whatever has happened, and whatever is asked. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { LogoutScope } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { DENIAL_REASONS } from "../../src/check/decision.ts";
import type { AccessRule, Decision } from "../../src/verifier/verifier.ts";
import { AUDIENCES, createAgreeingWorld, type Happening } from "../support/agreeing.ts";
import { livingAt } from "../support/told-feed.ts";

const ROLES = ["user", "clerk", "boss", "auditor", "nobody"];
const PERMISSIONS = ["orders:read", "orders:write", "billing:read", "billing:eu:read"];
const GRANTS = [...PERMISSIONS, "orders:*", "billing:*", "billing:eu:*", "*"];

const user = fc.nat(2);
const who = fc.nat(20);
const role = fc.constantFrom("clerk", "boss", "auditor");
const audiences = fc.constantFrom<readonly string[]>([], ["orders"], ["billing"], ["orders", "billing"]);
const SCOPES = [LogoutScope.SESSION, LogoutScope.OTHERS, LogoutScope.ALL];

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant<"log_in">("log_in"), user, audiences }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("refresh", "revoke_session"), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant<"log_out">("log_out"), who, scope: fc.constantFrom(...SCOPES) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant<"set_user_roles">("set_user_roles"),
      user,
      roles: fc.uniqueArray(role).map((roles) => ["user", ...roles]),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant<"set_role">("set_role"),
      role,
      permissions: fc.subarray(GRANTS, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant<"delete_role">("delete_role"), role }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("disable", "enable", "set_password", "revoke_all"), user }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant<"withdraw_key">("withdraw_key"), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("rotate_keys", "restore", "cut", "cut") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant<"pass">("pass"),
      milliseconds: fc.constantFrom(1, 999, 1_000, 59_999, 300_000, 600_000),
    }),
  },
);
const rule: fc.Arbitrary<AccessRule> = fc.record(
  {
    anyRole: fc.subarray(ROLES, { maxLength: 2 }),
    allPermissions: fc.subarray(PERMISSIONS, { maxLength: 2 }),
    maxAuthAgeMs: fc.constantFrom(null, 1, 1_000, 60_000, 3_600_000),
  },
  { requiredKeys: [] },
);
const tampering = fc.constantFrom<(token: string) => string>(
  (token) => token,
  (token) => token,
  (token) => `${token}A`,
  (token) => token.slice(0, -1),
  (token) => token.replace(".", ".."),
  (token) => (token.at(-20) === "A" ? token : `${token.slice(0, -20)}A${token.slice(-19)}`),
);
const question = fc.record({ token: fc.nat(40), tampering, rule });

type Question = { readonly token: number; readonly tampering: (token: string) => string; readonly rule: AccessRule };
type Step = { readonly happening: Happening; readonly questions: readonly Question[] };

/** The access token that was issued last, and its refresh token; and the very first token of all, which is empty. */
const [LATEST, ITS_REFRESH_TOKEN, NONE] = [1, 0, -1];
const asked = (rule: AccessRule = {}, token = LATEST): Question => ({ token, tampering: (text) => text, rule });

/** What everybody comes to in the end, so that no verdict is left to chance. */
const EPILOGUE: readonly Step[] = [
  { happening: { kind: "enable", user: 0 }, questions: [asked({}, NONE)] },
  { happening: { kind: "set_role", role: "keeper", permissions: ["stock:read"] }, questions: [] },
  { happening: { kind: "set_user_roles", user: 0, roles: ["user"] }, questions: [] },
  {
    happening: { kind: "log_in", user: 0, audiences: ["orders"] },
    questions: [
      asked(),
      asked({ anyRole: ["keeper"] }),
      asked({ allPermissions: ["stock:read"] }),
      asked({}, ITS_REFRESH_TOKEN),
    ],
  },
  { happening: { kind: "pass", milliseconds: 2_000 }, questions: [asked({ maxAuthAgeMs: 1_000 }), asked()] },
  { happening: { kind: "set_user_roles", user: 0, roles: ["user", "keeper"] }, questions: [asked()] },
  {
    happening: { kind: "log_in", user: 0, audiences: ["orders", "billing"] },
    questions: [asked({ anyRole: ["keeper"], allPermissions: ["stock:read"] })],
  },
  { happening: { kind: "pass", milliseconds: 600_000 }, questions: [asked()] },
  { happening: { kind: "log_in", user: 0, audiences: ["billing"] }, questions: [asked()] },
  { happening: { kind: "revoke_all", user: 0 }, questions: [asked()] },
];

/** What both must agree on: how long an answer may be kept depends on when it was asked. */
function comparable(decision: Decision): unknown {
  return decision.granted ? { ...decision, cacheForMs: 0 } : decision;
}

type World = Awaited<ReturnType<typeof createAgreeingWorld>>;

/** Asks both, and expects one verdict; those that were agreed on go into `agreed`. */
async function expectAgreement(
  { verifiers, tokens, now }: World,
  questions: readonly Question[],
  agreed: Set<string>,
): Promise<void> {
  for (const { token: number, tampering, rule } of questions) {
    const token = tampering(tokens.at(number === NONE ? 0 : -1 - (number % tokens.length)) ?? "");
    for (const verifier of verifiers) {
      const own = verifier.check(token, rule);
      const asked = await verifier.authorize(token, { ...rule, freshness: "REMOTE" });
      expect(comparable(own), `${JSON.stringify(rule)} of ${verifier.audience}`).toEqual(comparable(asked));
      agreed.add(own.granted ? "GRANTED" : own.reason);
      if (!own.granted) continue;
      expect(own.cacheForMs).toBeLessThanOrEqual(Math.min(10_000, own.principal.expiresAt - now()));
    }
  }
}

it("A verifier decides as Authorize does, over random users, roles, rules, revocations, epochs, keys, clocks and cuts", {
  timeout: 120_000,
}, async () => {
  const step = fc.record({ happening, questions: fc.array(question, { minLength: 4, maxLength: 8 }) });
  const skew = fc.constantFrom(0, -86_400_000, 3_600_000, 5_000);
  const property = fc.asyncProperty(skew, fc.array(step, { minLength: 15, maxLength: 25 }), async (skew, steps) => {
    const world = await createAgreeingWorld(skew);
    const agreed = new Set<string>();
    try {
      for (const { happening, questions } of [...steps, ...EPILOGUE]) {
        await world.happen(happening);
        await world.settle();
        await expectAgreement(world, questions, agreed);
      }
      const truth = livingAt(world.now(), await world.truth());
      for (const { known } of world.verifiers) expect(livingAt(world.now(), await known())).toEqual(truth);
    } finally {
      await world.close();
    }
    expect([...agreed].sort()).toEqual(["GRANTED", ...DENIAL_REASONS].sort());
  });
  await fc.assert(property, { numRuns: 4, endOnFailure: true });
  expect(AUDIENCES).toHaveLength(2);
});
