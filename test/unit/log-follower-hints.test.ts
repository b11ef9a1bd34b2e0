/** Where others hint that the log has grown, it is read at once; where they do not, all the same. */
import { expect, it, onTestFinished, vi } from "vitest";
import { createKnowledge } from "../../src/check/knowledge.ts";
import { createLog } from "../../src/log.ts";
import { createFeed } from "../../src/revocations/feed.ts";
import { createLogFollower } from "../../src/revocations/log-follower.ts";
import { followLog } from "../support/followed-log.ts";

/** Somebody who follows a log by hints alone: the clock of its polls stands still. */
async function followByHints() {
  const { store, clock, append } = await followLog();
  const listeners = new Set<() => void>();
  const onHint = (callback: () => void) => {
    listeners.add(callback);
    return () => void listeners.delete(callback);
  };
  const knowledge = createKnowledge();
  const feed = createFeed({ knowledge, clock, tick: () => performance.now(), checkpointMs: 50 });
  const log = createLog({ level: "silent" });
  const loadKeys = async () => {};
  const follower = createLogFollower({
    store: { ...store, onHint },
    knowledge,
    loadKeys,
    feed,
    clock,
    earliest: clock.now,
    log,
  });
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => {
    follower.stop();
    vi.useRealTimers();
  });
  await follower.start();
  return { follower, listeners, append, knowledge };
}

/** Lets whatever was begun come to its end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
}

it("Who follows the log reads it when somebody hints that it has grown, and not before", async () => {
  const { listeners, append, knowledge } = await followByHints();
  await append({ subject: "s1" });
  await settle();
  expect(knowledge.revocations.isSessionEnded("s1")).toBe(false);
  for (const hint of listeners) hint();
  await settle();
  expect(knowledge.revocations.isSessionEnded("s1")).toBe(true);
});

it("Who follows the log reads it without a hint after a quarter of a second", async () => {
  const { append, knowledge } = await followByHints();
  await append({ subject: "s1" });
  vi.advanceTimersByTime(249);
  await settle();
  expect(knowledge.revocations.isSessionEnded("s1")).toBe(false);
  vi.advanceTimersByTime(1);
  await settle();
  expect(knowledge.revocations.isSessionEnded("s1")).toBe(true);
});

it("Who follows the log no more wants no hints either", async () => {
  const { follower, listeners } = await followByHints();
  expect(listeners.size).toBe(1);
  follower.stop();
  expect(listeners.size).toBe(0);
});
