/** What may happen around a checker, at random, and what it must decide, told from all that ever happened. */
import fc from "fast-check";
import { AUTHENTICATED, type Rule } from "../../src/check/rule.ts";

const USERS = ["usr_1", "usr_2"];
const ROLES = ["admin", "clerk", "guest"];
const GRANTS = ["*", "orders:*", "orders:read", "orders:eu:*", "billing:pay"];
const PERMISSIONS = ["orders:read", "orders:eu:read", "billing:pay"];
const AUDIENCES = ["sallyport", "orders"];

/** What is asked about a token. */
export type Question = { readonly rule: Rule; readonly audience: string };

/** Something that happens, or is asked. Tokens are named by their place among those issued so far. */
export type Step =
  | {
      readonly do: "issue";
      readonly user: string;
      readonly roles: readonly string[];
      readonly audiences: readonly string[];
      readonly seconds: number;
    }
  | ({ readonly do: "ask"; readonly token: number } & Question)
  | { readonly do: "end" | "raise" | "withdraw"; readonly token: number }
  /** `grants` is `null` to delete the role. */
  | { readonly do: "define"; readonly role: string; readonly grants: readonly string[] | null }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "forget" }
  | { readonly do: "confirm" };

const anyRule: fc.Arbitrary<Rule> = fc.record({
  public: fc.constant(false),
  anyRole: fc.oneof(fc.constant([]), fc.subarray(ROLES)),
  allPermissions: fc.oneof(fc.constant([]), fc.subarray(PERMISSIONS)),
  maxAuthAgeMs: fc.option(fc.integer({ min: 0, max: 20_000 })),
  freshness: fc.constant("LOCAL"),
});

const issueStep = fc.record({
  do: fc.constant("issue"),
  user: fc.constantFrom(...USERS),
  roles: fc.subarray(ROLES),
  audiences: fc.subarray(AUDIENCES, { minLength: 1 }),
  seconds: fc.integer({ min: 1, max: 90 }),
});
const askStep = fc.record({
  do: fc.constant("ask"),
  token: fc.nat(20),
  rule: fc.oneof(fc.constant(AUTHENTICATED), anyRule),
  audience: fc.constantFrom("sallyport", ...AUDIENCES, ""),
});
const changeStep = fc.record({ do: fc.constantFrom("end", "raise", "end", "raise", "withdraw"), token: fc.nat(20) });
const defineStep = fc.record({
  do: fc.constant("define"),
  role: fc.constantFrom(...ROLES),
  grants: fc.option(fc.subarray(GRANTS)),
});
const passStep = fc.record({ do: fc.constant("pass"), ms: fc.integer({ min: 1, max: 20_000 }) });

/** Any step. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: issueStep },
  { weight: 12, arbitrary: askStep },
  { weight: 2, arbitrary: changeStep },
  { weight: 3, arbitrary: defineStep },
  { weight: 3, arbitrary: passStep },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("forget", "confirm") }) },
);

/** A token as the reference knows it. */
export type Issued = {
  readonly text: string;
  readonly user: string;
  readonly session: string;
  readonly roles: readonly string[];
  readonly audiences: readonly string[];
  readonly epoch: number;
  readonly authTime: number;
  readonly expiresAt: number;
  readonly kid: string;
};

/** All that ever happened; nothing is forgotten, nothing remembered. */
export type History = {
  readonly ended: Set<string>;
  readonly epochs: Map<string, number>;
  readonly withdrawn: Set<string>;
  readonly grants: Map<string, readonly string[]>;
};

/** Whether a grant covers a permission, part by part. */
function grantCovers(grant: string, permission: string): boolean {
  const [parts, wanted] = [grant.split(":"), permission.split(":")];
  if (parts.at(-1) !== "*") return grant === permission;
  return wanted.length >= parts.length && parts.slice(0, -1).every((part, index) => part === wanted[index]);
}

/** What the decision must be, told from the history alone. */
export function verdictByHistory(token: Issued, { rule: asked, audience }: Question, past: History, now: number) {
  const alive = token.roles.filter((role) => past.grants.has(role));
  const held = alive.flatMap((role) => past.grants.get(role) ?? []);
  if (past.withdrawn.has(token.kid)) return "TOKEN_INVALID";
  if (now >= token.expiresAt) return "TOKEN_EXPIRED";
  if (past.ended.has(token.session)) return "SESSION_REVOKED";
  if (token.epoch < (past.epochs.get(token.user) ?? 1)) return "PRIVILEGES_CHANGED";
  if (!token.audiences.includes(audience)) return "AUDIENCE_MISMATCH";
  if (asked.anyRole.length > 0 && !asked.anyRole.some((role) => alive.includes(role))) return "ROLE_MISSING";
  if (asked.allPermissions.some((wanted) => !held.some((grant) => grantCovers(grant, wanted))))
    return "PERMISSION_MISSING";
  if (asked.maxAuthAgeMs !== null && now > token.authTime + asked.maxAuthAgeMs) return "AUTHENTICATION_TOO_OLD";
  return "GRANTED";
}
