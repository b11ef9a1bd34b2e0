/** What a verifier makes of servers whose clocks disagree. No server, no network. */
import { toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { WatchResponseSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { toStarted } from "../../src/feed/feed-messages.ts";
import { completeRule } from "../../src/verifier/complete-rule.ts";
import { createHeldKnowledge } from "../../src/verifier/held-knowledge.ts";
import { createServerTime } from "../../src/verifier/server-time.ts";
import { createVerifier } from "../../src/verifier/verifier.ts";
import { makeBenchKey } from "../support/check-bench.ts";
import { at, createTeller, FORGOTTEN_AT, TOLD_AT } from "../support/told-feed.ts";

const HOUR = 3_600_000;
const ended = { kind: "session_ended", sessionId: "ses_1", expiresAt: FORGOTTEN_AT } as const;

/** Knowledge that stands at revision 5, told at {@link TOLD_AT} by the server's clock. */
async function informed() {
  const time = { ticks: 0 };
  const teller = createTeller([await makeBenchKey("one")]);
  const serverTime = createServerTime({ tick: () => time.ticks, wall: () => 0 });
  const knowledge = createHeldKnowledge({
    serverTime,
    stalenessBoundMs: 10_000,
    cacheCapacity: 10,
    onChange() {},
    onConfirmed() {},
  });
  const read = knowledge.createReader(time.ticks);
  const snapshot = await teller.snapshot(at(5), [], [ended]);
  for (const message of [teller.started(), ...snapshot, teller.checkpoint(at(5))]) read(message);
  return { time, teller, knowledge };
}

it("Knowledge that is old is as old when a server answers whose clock is behind", async () => {
  const { time, knowledge } = await informed();
  expect(knowledge.stalenessMs()).toBe(0);
  time.ticks += 20_000;
  expect(knowledge.stalenessMs()).toBe(20_000);
  knowledge.createReader(time.ticks)(toStarted("http://sallyport.test", 1000, TOLD_AT - HOUR));
  expect(knowledge.stalenessMs()).toBeGreaterThanOrEqual(20_000);
  time.ticks += 5_000;
  expect(knowledge.stalenessMs()).toBeGreaterThanOrEqual(25_000);
});

it("What is known then can be written down, whatever part of a millisecond has passed", async () => {
  const { time, knowledge } = await informed();
  time.ticks += 20_000.123456789;
  knowledge.createReader(time.ticks)(toStarted("http://sallyport.test", 1000, TOLD_AT - HOUR));
  time.ticks += 0.125;
  const sizes: number[] = [];
  for await (const message of knowledge.messages()) sizes.push(toBinary(WatchResponseSchema, message).length);
  expect(sizes.length).toBeGreaterThan(3);
  expect(knowledge.stalenessMs()).toBeGreaterThanOrEqual(20_000);
});

it("What a clock that was ahead made one forget is asked for again once a server tells the true time", async () => {
  const { time, teller, knowledge } = await informed();
  const ahead = knowledge.createReader(time.ticks);
  ahead(toStarted("http://sallyport.test", 1000, TOLD_AT + HOUR));
  ahead(teller.checkpoint(at(5), TOLD_AT + HOUR, TOLD_AT + HOUR));
  knowledge.forget();
  const right = knowledge.createReader(time.ticks);
  right(teller.started());
  expect(() => right(teller.checkpoint(at(5)))).toThrow("put back");
});

it("What was not forgotten need not be asked for again", async () => {
  const { time, teller, knowledge } = await informed();
  knowledge.forget();
  const next = knowledge.createReader(time.ticks);
  next(teller.started());
  expect(() => next(teller.checkpoint(at(5), TOLD_AT - 5_000, TOLD_AT - 5_000))).not.toThrow();
});

it("A rule that inherits its conditions is refused: they would be overlooked", () => {
  expect(() => completeRule(Object.create({ anyRole: ["admin"] }))).toThrow("plain object");
  expect(completeRule(Object.assign(Object.create(null), { anyRole: ["admin"] })).anyRole).toEqual(["admin"]);
});

it("Whoever asks for readiness of a verifier that is closed is told so", async () => {
  const verifier = createVerifier({
    baseUrl: "http://127.0.0.1:1",
    apiKey: `sallyport_svk_${"A".repeat(43)}`,
    audience: "orders",
    onEvent() {},
  });
  await verifier.close();
  await expect(verifier.ready()).rejects.toMatchObject({ reason: "UNAVAILABLE" });
});
