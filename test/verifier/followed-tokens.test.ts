/** Bearers who are being served while their tokens are revoked or expire. */
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Denied } from "../../src/check/decision.ts";
import type { LogEntry } from "../../src/check/knowledge.ts";
import { AUTHENTICATED, type Rule } from "../../src/check/rule.ts";
import type { VerifierUnavailable } from "../../src/verifier/api.ts";
import { createFollowedTokens } from "../../src/verifier/followed-tokens.ts";
import { type BenchKey, createCheckBench, MAX_TTL_MS, makeBenchKey } from "../support/check-bench.ts";

let key: BenchKey;
beforeAll(async () => {
  key = await makeBenchKey("one");
});
beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

/** A bench whose clock and timers move together, with followed tokens on it. */
function createScene() {
  const bench = createCheckBench([key]);
  bench.roles.set("user", []);
  bench.roles.set("clerk", ["orders:read"]);
  let checks = 0;
  const followed = createFollowedTokens({
    check(token, rule) {
      checks += 1;
      return bench.checker.check({ token, audience: "sallyport", rule });
    },
    now: bench.clock.now,
  });
  const told: string[] = [];
  return {
    ...bench,
    followed,
    told,
    checks: () => checks,
    follow: (name: string, token: string, rule: Partial<Rule> = {}) =>
      followed.follow(token, { ...AUTHENTICATED, ...rule }, ({ reason }: Denied | VerifierUnavailable) =>
        told.push(`${name} ${reason}`),
      ),
    pass(milliseconds: number) {
      bench.clock.advance(milliseconds);
      vi.advanceTimersByTime(milliseconds);
    },
    /** Applies an entry and tells of it, as the feed does. */
    hear(entry: LogEntry) {
      if (entry.kind !== "role_changed") bench.revocations.note(entry);
      else if (entry.grants === null) bench.roles.delete(entry.role);
      else bench.roles.set(entry.role, entry.grants);
      followed.note({ kind: "batch", entries: [entry], hasKeys: false });
    },
    sessionEnded: (sessionId: string): LogEntry => ({
      kind: "session_ended",
      sessionId,
      expiresAt: bench.clock.now() + MAX_TTL_MS,
    }),
  };
}

describe("A bearer who is followed", () => {
  it("is denied when the token expires, not before, and once", async () => {
    const { issue, follow, told, pass } = createScene();
    follow("ada", await issue());
    pass(MAX_TTL_MS - 1);
    expect(told).toEqual([]);
    pass(1);
    expect(told).toEqual(["ada TOKEN_EXPIRED"]);
    pass(MAX_TTL_MS);
    expect(told).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is denied when the password was given too long ago", async () => {
    const { issue, follow, told, pass } = createScene();
    follow("ada", await issue(), { maxAuthAgeMs: 60_000 });
    pass(60_000);
    expect(told).toEqual([]);
    pass(1);
    expect(told).toEqual(["ada AUTHENTICATION_TOO_OLD"]);
  });

  it("waits on if the clock has not come so far as the timer has", async () => {
    const { issue, follow, told, clock, pass } = createScene();
    follow("ada", await issue());
    clock.advance(-5_000);
    pass(MAX_TTL_MS);
    expect(told).toEqual([]);
    pass(5_000);
    expect(told).toEqual(["ada TOKEN_EXPIRED"]);
  });

  it("is denied when its own session ends; nobody else is looked at", async () => {
    const { issue, follow, told, hear, sessionEnded, checks } = createScene();
    follow("one", await issue({ sessionId: "ses_1" }));
    follow("two", await issue({ sessionId: "ses_2" }));
    const before = checks();
    hear(sessionEnded("ses_3"));
    expect(checks()).toBe(before);
    hear(sessionEnded("ses_1"));
    expect(checks()).toBe(before + 1);
    expect(told).toEqual(["one SESSION_REVOKED"]);
  });

  it("is denied when the user's privileges change, in all of its sessions", async () => {
    const { issue, follow, told, hear, clock } = createScene();
    follow("one", await issue({ sessionId: "ses_1" }));
    follow("two", await issue({ sessionId: "ses_2" }));
    follow("other", await issue({ userId: "usr_2", sessionId: "ses_3" }));
    hear({ kind: "user_epoch", userId: "usr_1", epoch: 2, expiresAt: clock.now() + MAX_TTL_MS });
    expect(told).toEqual(["one PRIVILEGES_CHANGED", "two PRIVILEGES_CHANGED"]);
  });

  it("is denied when a role no longer grants what the rule asks for", async () => {
    const { issue, follow, told, hear } = createScene();
    const token = await issue({ roles: ["clerk"] });
    follow("reader", token, { allPermissions: ["orders:read"] });
    follow("anybody", token);
    hear({ kind: "role_changed", role: "clerk", grants: ["orders:*"] });
    expect(told).toEqual([]);
    hear({ kind: "role_changed", role: "clerk", grants: [] });
    expect(told).toEqual(["reader PERMISSION_MISSING"]);
  });

  it("is looked at after a snapshot and after news of keys", async () => {
    const { issue, follow, told, keys, revocations, followed, clock } = createScene();
    follow("one", await issue({ sessionId: "ses_1" }));
    revocations.endSession("ses_1", clock.now() + MAX_TTL_MS);
    followed.note({ kind: "resynced", reason: "first snapshot" });
    follow("two", await issue({ sessionId: "ses_2" }));
    keys.delete("one");
    followed.note({ kind: "batch", entries: [], hasKeys: true });
    expect(told).toEqual(["one SESSION_REVOKED", "two TOKEN_INVALID"]);
  });

  it("that may not from the start is told so once the caller has what stops it", async () => {
    const { follow, told } = createScene();
    follow("ada", "no token");
    const stop = follow("grace", "no token");
    stop();
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(["ada TOKEN_INVALID"]);
  });
});

describe("A followed token that Sallyport granted, whose news are ahead of what is known here,", () => {
  /** Followed behind a rule for clerks, which nobody here knows the bearer to be. */
  async function ahead() {
    const scene = createScene();
    const token = await scene.issue({ roles: ["buyer"] });
    const now = scene.clock.now();
    const who = { userId: "usr_1", sessionId: "ses_1", username: "ada", roles: ["buyer"] };
    const principal = { ...who, authTime: now, expiresAt: now + MAX_TTL_MS };
    const rule = { ...AUTHENTICATED, allPermissions: ["orders:read"] };
    scene.followed.follow(token, rule, ({ reason }) => scene.told.push(reason), principal);
    const hearRole = (role: string, grants: readonly string[]) => scene.hear({ kind: "role_changed", role, grants });
    return { ...scene, hearRole };
  }

  it("is not denied for what is not known yet, nor by news that say nothing of it", async () => {
    const { told, hearRole } = await ahead();
    hearRole("clerk", []);
    await Promise.resolve();
    expect(told).toEqual([]);
  });

  it("is not denied once the news have come, and is like any other from then on", async () => {
    const { told, followed, hearRole } = await ahead();
    hearRole("buyer", ["orders:read"]);
    followed.confirm();
    expect(told).toEqual([]);
    hearRole("buyer", []);
    expect(told).toEqual(["PERMISSION_MISSING"]);
  });

  it("is denied once it is certain that no such news will come", async () => {
    const { told, followed } = await ahead();
    followed.confirm();
    expect(told).toEqual(["PERMISSION_MISSING"]);
  });

  it("is denied at once for what stays true whatever the news are: its session ended, its time is over", async () => {
    const { told, hear, sessionEnded } = await ahead();
    hear(sessionEnded("ses_1"));
    expect(told).toEqual(["SESSION_REVOKED"]);
    const other = await ahead();
    other.pass(MAX_TTL_MS);
    expect(other.told).toEqual(["TOKEN_EXPIRED"]);
  });
});

describe("Nobody is told", () => {
  it("who stopped being followed, even while others are told of the same change", async () => {
    const { issue, followed, told, hear, sessionEnded } = createScene();
    const token = await issue();
    const stops: (() => void)[] = [];
    for (const name of ["one", "two"])
      stops.push(
        followed.follow(token, AUTHENTICATED, () => {
          told.push(name);
          for (const stop of stops) stop();
        }),
      );
    hear(sessionEnded("ses_1"));
    expect(told).toEqual(["one"]);
  });

  it("anything else once all are cleared: they, and who comes after that, are told that nobody can tell", async () => {
    const { issue, follow, followed, told, hear, sessionEnded, pass } = createScene();
    const token = await issue();
    follow("before", token);
    followed.clear();
    follow("after", token);
    follow("denied", "no token");
    hear(sessionEnded("ses_1"));
    pass(MAX_TTL_MS);
    await Promise.resolve();
    expect(told).toEqual(["before UNAVAILABLE", "after UNAVAILABLE", "denied UNAVAILABLE"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("in vain: what one listener throws is a warning, and the next is told", async () => {
    const { issue, follow, followed, told, hear, sessionEnded } = createScene();
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    const token = await issue();
    followed.follow(token, AUTHENTICATED, () => {
      throw new Error("the listener's own fault");
    });
    follow("next", token);
    hear(sessionEnded("ses_1"));
    expect(told).toEqual(["next SESSION_REVOKED"]);
    expect(warned.mock.calls).toEqual([[expect.objectContaining({ message: "the listener's own fault" })]]);
  });
});
