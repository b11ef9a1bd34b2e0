/** A verifier of an instance that talks, and is cut off from its database. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { startApp } from "../support/app.ts";
import { delegate, verdictOf } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { welcome, welcomeAdmin } from "../support/people.ts";
import { serviceKey } from "../support/watching.ts";

it("A verifier whose server cannot read its log calls itself stale, however much that server talks, until it can", async () => {
  const app = await startApp({ checkpointMs: 20 });
  const key = await serviceKey(await welcomeAdmin(app), "orders");
  const operator = new Database(join(app.dataDir, "sallyport.db"));
  const verifier = delegate(app, key, {}, { pace: { firstRetryMs: 10, mostRetryMs: 20 } });
  await verifier.ready();
  const { tokens } = await welcome(app, "ada", ["orders"]);
  expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
  operator.exec("alter table revocation_log rename to hidden");
  await eventually(() => app.logged().filter(({ event }) => event === "log_unreadable")).toHaveLength(1);
  app.clock.advance(6_000);
  const before = verifier.state().stalenessMs;
  // What it hears meanwhile makes it no younger.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(before).toBeGreaterThanOrEqual(6_000);
  expect(verifier.state().stalenessMs).toBeGreaterThanOrEqual(before);
  expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
  app.clock.advance(6_000);
  expect(() => verifier.check(tokens.accessToken)).toThrow(expect.objectContaining({ reason: "TOO_STALE" }));
  // Another call may lead to another server that is better off.
  const callsGivenUp = () =>
    verifier.events.filter((event) => event.kind === "disconnected" && /cannot confirm/.test(event.error.message));
  await eventually(() => callsGivenUp().length).toBeGreaterThan(1);
  expect(verifier.state().isFresh).toBe(false);
  operator.exec("alter table hidden rename to revocation_log");
  await verifier.ready();
  expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
  operator.close();
  await verifier.close();
  await app.close();
});
