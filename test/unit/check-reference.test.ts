import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type BenchKey, createCheckBench, makeBenchKey, STALENESS_BOUND_MS } from "../support/check-bench.ts";
import {
  anyStep,
  type History,
  type Issued,
  type Question,
  type Step,
  verdictByHistory,
} from "../support/check-history.ts";

const SESSIONS = ["ses_1", "ses_2", "ses_3"];

let keys: readonly BenchKey[];

beforeAll(async () => {
  keys = await Promise.all(["k1", "k2", "k3"].map(makeBenchKey));
});

/** Runs the steps against a checker whose cache is small, and the reference beside it; the verdicts that fell. */
async function run(steps: readonly Step[]): Promise<string[]> {
  const bench = createCheckBench(keys, { cacheCapacity: 3 });
  const { clock, revocations, roles, checker } = bench;
  const past: History = { ended: new Set(), epochs: new Map(), withdrawn: new Set(), grants: new Map() };
  const issued: Issued[] = [];
  const verdicts: string[] = [];
  const latest = (one: (token: Issued) => boolean) =>
    Math.max(0, ...issued.filter(one).map(({ expiresAt }) => expiresAt));

  async function issue({ user, roles: held, audiences, seconds }: Extract<Step, { do: "issue" }>): Promise<void> {
    const session = SESSIONS.find((id) => !past.ended.has(`${user}/${id}`));
    const key = keys.find(({ kid }) => !past.withdrawn.has(kid));
    if (session === undefined || key === undefined) return;
    const epoch = past.epochs.get(user) ?? 1;
    const grant = { userId: user, sessionId: `${user}/${session}`, roles: held, epoch, audiences, key };
    // The token tells whole seconds only.
    const issuedAt = Math.floor(clock.now() / 1000) * 1000;
    const text = await bench.issue({ ...grant, lifeMs: issuedAt + seconds * 1000 - clock.now() });
    issued.push({
      ...{ text, user, session: grant.sessionId, roles: held, audiences, epoch, kid: key.kid },
      ...{ authTime: issuedAt, expiresAt: issuedAt + seconds * 1000 },
    });
  }

  async function ask(token: Issued, { rule: asked, audience }: Question): Promise<void> {
    const now = clock.now();
    const decision = checker.check({ token: token.text, rule: asked, audience });
    const verdict = decision.granted ? "GRANTED" : decision.reason;
    expect(verdict).toBe(verdictByHistory(token, { rule: asked, audience }, past, now));
    verdicts.push(verdict);
    const bound = Math.min(bench.asOf() + STALENESS_BOUND_MS, token.expiresAt) - now;
    if (decision.granted) expect(decision.cacheForMs).toBe(Math.max(bound, 0));
  }

  function end(token: Issued): void {
    past.ended.add(token.session);
    const last = latest(({ session }) => session === token.session);
    revocations.endSession(token.session, last);
  }

  function raise(token: Issued): void {
    const epoch = (past.epochs.get(token.user) ?? 1) + 1;
    past.epochs.set(token.user, epoch);
    const last = latest(({ user }) => user === token.user);
    revocations.raiseEpoch(token.user, epoch, last);
  }

  function withdraw({ kid }: Issued): void {
    past.withdrawn.add(kid);
    bench.keys.delete(kid);
  }

  function define(role: string, grants: readonly string[] | null): void {
    if (grants === null) {
      past.grants.delete(role);
      roles.delete(role);
    } else {
      past.grants.set(role, grants);
      roles.set(role, grants);
    }
  }

  async function take(action: Step): Promise<void> {
    if (action.do === "issue") return issue(action);
    if (action.do === "pass") return clock.advance(action.ms);
    if (action.do === "forget") return revocations.forget(clock.now());
    if (action.do === "confirm") return bench.confirm();
    if (action.do === "define") return define(action.role, action.grants);
    const token = issued[action.token % Math.max(1, issued.length)];
    if (token === undefined) return;
    if (action.do === "ask") return ask(token, action);
    const change = { end, raise, withdraw }[action.do];
    change(token);
  }

  for (const action of steps) await take(action);
  return verdicts;
}

describe("The checker, which remembers tokens and forgets revocations", () => {
  it("decides as one that forgets no revocation and remembers no token", async () => {
    const fallen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 60, size: "max" }), async (steps) => {
        for (const verdict of await run(steps)) fallen.add(verdict);
      }),
      { numRuns: 300 },
    );
    // The property says nothing of a reason that no run led to.
    expect([...fallen].sort()).toEqual([
      "AUDIENCE_MISMATCH",
      "AUTHENTICATION_TOO_OLD",
      "GRANTED",
      "PERMISSION_MISSING",
      "PRIVILEGES_CHANGED",
      "ROLE_MISSING",
      "SESSION_REVOKED",
      "TOKEN_EXPIRED",
      "TOKEN_INVALID",
    ]);
  });
});
