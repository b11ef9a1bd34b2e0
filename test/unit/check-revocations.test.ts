import { beforeEach, describe, expect, it, vi } from "vitest";
import { createKnowledge, type LogEntry } from "../../src/check/knowledge.ts";
import { createRevocationSet } from "../../src/check/revocation-set.ts";

describe("The revocation set", () => {
  it("is silent of whom it does not know", () => {
    const set = createRevocationSet();
    expect([set.isSessionEnded("ses_1"), set.epochOf("usr_1"), set.size()]).toEqual([false, 0, 0]);
  });

  it("keeps an ended session until its last token is dead, and forgets it then", () => {
    const set = createRevocationSet();
    set.endSession("ses_1", 1000);
    set.forget(999);
    expect(set.isSessionEnded("ses_1")).toBe(true);
    set.forget(1000);
    expect([set.isSessionEnded("ses_1"), set.size()]).toEqual([false, 0]);
  });

  it("keeps an epoch until the last token that it voids is dead, and forgets it then", () => {
    const set = createRevocationSet();
    set.raiseEpoch("usr_1", 7, 1000);
    set.forget(999);
    expect(set.epochOf("usr_1")).toBe(7);
    set.forget(1000);
    expect([set.epochOf("usr_1"), set.size()]).toEqual([0, 0]);
  });

  it("never lowers an epoch, whatever the order of the news", () => {
    const set = createRevocationSet();
    set.raiseEpoch("usr_1", 3, 1000);
    set.raiseEpoch("usr_1", 2, 500);
    expect(set.epochOf("usr_1")).toBe(3);
  });

  it("keeps what was told twice for the longer time", () => {
    const set = createRevocationSet();
    for (const until of [1000, 2000, 500]) set.endSession("ses_1", until);
    for (const [epoch, until] of [[2, 2000] as const, [3, 1000] as const]) set.raiseEpoch("usr_1", epoch, until);
    set.forget(1999);
    expect([set.isSessionEnded("ses_1"), set.epochOf("usr_1"), set.size()]).toEqual([true, 3, 2]);
    set.forget(2000);
    expect(set.size()).toBe(0);
  });

  it("forgets only what is due", () => {
    const set = createRevocationSet();
    for (let index = 0; index < 100; index += 1) set.endSession(`ses_${index}`, index * 1000);
    set.forget(49_000);
    expect(set.size()).toBe(50);
    expect([set.isSessionEnded("ses_49"), set.isSessionEnded("ses_50")]).toEqual([false, true]);
  });

  it("takes a session for no user, nor a user for a session", () => {
    const set = createRevocationSet();
    set.endSession("same", 1000);
    expect(set.epochOf("same")).toBe(0);
    const other = createRevocationSet();
    other.raiseEpoch("same", 2, 1000);
    expect(other.isSessionEnded("same")).toBe(false);
  });

  it("holds what it takes over, and nothing of before", () => {
    const set = createRevocationSet();
    set.endSession("ses_1", 1000);
    set.raiseEpoch("usr_1", 2, 1000);
    const other = createRevocationSet();
    other.note({ kind: "session_ended", sessionId: "ses_2", expiresAt: 1000 });
    set.adopt(other.tables());
    expect([set.isSessionEnded("ses_1"), set.epochOf("usr_1"), set.size()]).toEqual([false, 0, 1]);
    expect(set.isSessionEnded("ses_2")).toBe(true);
  });
});

describe("Knowledge", () => {
  const entries: readonly LogEntry[] = [
    { kind: "session_ended", sessionId: "ses_1", expiresAt: 1000 },
    { kind: "user_epoch", userId: "usr_1", epoch: 2, expiresAt: 1000 },
    { kind: "role_changed", role: "clerk", grants: ["orders:read"] },
  ];

  it("knows of nothing, as of never, before it is told", () => {
    const knowledge = createKnowledge();
    expect([knowledge.logId(), knowledge.revision(), knowledge.asOf()]).toEqual(["", 0, 0]);
  });

  it("advances with what it is told, in order", () => {
    const knowledge = createKnowledge();
    knowledge.advance(3, entries);
    knowledge.advance(4, [{ kind: "role_changed", role: "clerk", grants: null }]);
    expect(knowledge.revision()).toBe(4);
    expect(knowledge.revocations.isSessionEnded("ses_1")).toBe(true);
    expect(knowledge.revocations.epochOf("usr_1")).toBe(2);
    expect(knowledge.roles.has("clerk")).toBe(false);
  });

  it("starts over with a snapshot: nothing of before is left, and roles are as the snapshot has them", () => {
    const knowledge = createKnowledge();
    knowledge.advance(3, entries);
    const roles = [{ name: "boss", grants: ["*"] }];
    const revocations = createRevocationSet();
    revocations.endSession("ses_2", 1000);
    knowledge.restart({ logId: "other", revision: 1, roles, revocations: revocations.tables() });
    expect([knowledge.logId(), knowledge.revision()]).toEqual(["other", 1]);
    expect(knowledge.revocations.isSessionEnded("ses_1")).toBe(false);
    expect(knowledge.revocations.isSessionEnded("ses_2")).toBe(true);
    expect(knowledge.revocations.epochOf("usr_1")).toBe(0);
    expect([knowledge.roles.has("clerk"), knowledge.roles.has("boss")]).toEqual([false, true]);
  });

  it("never gets older by a confirmation that comes late", () => {
    const knowledge = createKnowledge();
    knowledge.confirm(2000);
    knowledge.confirm(1000);
    expect(knowledge.asOf()).toBe(2000);
  });

  describe("on a clock that an operator sets", () => {
    const AT = 1_800_000_000_000;
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["performance"] });
      return () => void vi.useRealTimers();
    });

    it.each([
      ["stands still", 0],
      ["was put back by a minute", -60_000],
      ["was put back by a day", -86_400_000],
    ])("that %s ages by the machine's own count", (_what, step) => {
      const knowledge = createKnowledge();
      knowledge.confirm(AT);
      vi.advanceTimersByTime(20_000);
      expect(knowledge.stalenessMs(AT + step)).toBe(20_000);
      vi.advanceTimersByTime(5_000);
      expect(knowledge.stalenessMs(AT + step + 5_000)).toBe(25_000);
    });

    it("ages by whole milliseconds, never by less, since what it tells must fit into a timestamp", () => {
      const knowledge = createKnowledge();
      knowledge.confirm(AT);
      vi.advanceTimersByTime(20_000.25);
      expect(knowledge.stalenessMs(AT)).toBe(20_001);
    });

    it("ages by that clock where it tells more, and is not misled by its small steps", () => {
      const knowledge = createKnowledge();
      knowledge.confirm(AT);
      vi.advanceTimersByTime(3_000);
      expect(knowledge.stalenessMs(AT + 60_000)).toBe(60_000);
      expect(knowledge.stalenessMs(AT + 2_000)).toBe(2_000);
    });

    it("is young again by a confirmation alone", () => {
      const knowledge = createKnowledge();
      knowledge.confirm(AT);
      vi.advanceTimersByTime(20_000);
      knowledge.confirm(AT - 3_600_000);
      expect(knowledge.stalenessMs(AT - 3_600_000)).toBe(0);
    });
  });
});
