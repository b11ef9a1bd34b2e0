/** Two workers on one port: one service, with the guarantees of one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verdictOf } from "../support/decisions.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand } from "../support/server-process.ts";
import { ENGINES } from "../support/two-apps.ts";
import { serviceKey, type WatchEvent, watch } from "../support/watching.ts";
import { childrenOf, type Line, linesOf, openLine, startWorkers, type Workers } from "../support/worker-processes.ts";

describe.each(ENGINES)("Two workers on %s", (engine) => {
  let workers: Workers;
  let first: Line;
  let second: Line;

  beforeAll(async () => {
    workers = await startWorkers(engine);
    first = await openLine(workers.server);
    second = await openLine(workers.server);
    const { code } = await runCommand(
      ["users", "create", "root", "--role", "admin"],
      workers.settings,
      passwordOf("root"),
    );
    expect(code).toBe(0);
  });
  afterAll(async () => {
    first?.close();
    second?.close();
    await workers?.remove();
  });

  const logIn = async (username: string, { clients }: Line = first) =>
    clients().auth.login({ identifier: username, password: passwordOf(username) });
  const welcome = async (username: string, line: Line = first) => {
    await line.clients().auth.signup({ username, password: passwordOf(username) });
    return logIn(username, line);
  };
  const verdictAt = async ({ clients }: Line, accessToken: string, more = {}) =>
    verdictOf(await clients().auth.authorize({ accessToken, ...more }));

  it("say one line, make one database and one set of keys, and share the connections", () => {
    const { server } = workers;
    expect(server.output().stdout).toBe(`sallyport listening on ${server.url}\n`);
    expect(childrenOf(server.process.pid)).toHaveLength(2);
    const events = linesOf(server).map(({ event }) => event);
    expect(events.filter((event) => event === "keys_created" || event === "database_made").sort()).toEqual([
      "database_made",
      "keys_created",
    ]);
    expect([first.worker, second.worker].sort()).toEqual([1, 2]);
  });

  it("know of each other's logouts within half a second, and at once by the revision", async () => {
    const { accessToken, refreshToken } = await welcome("ada");
    expect(await verdictAt(second, accessToken)).toBe("GRANTED");
    const { value, at } = await acknowledged(first.clients().auth.logout({ refreshToken }));
    expect(await verdictAt(second, accessToken, { minRevision: value.revision })).toBe("SESSION_REVOKED, LOG_IN");
    const other = await welcome("bea", second);
    const logout = await acknowledged(second.clients().auth.logout({ refreshToken: other.refreshToken }));
    await expectObeyed(logout.at, async () => (await verdictAt(first, other.accessToken)) !== "GRANTED");
    await expectObeyed(at, async () => (await verdictAt(second, accessToken)) !== "GRANTED");
  });

  it("refuse a revision that nobody made", async () => {
    const { accessToken } = await welcome("cyd");
    const { revision } = await first.clients().auth.authorize({ accessToken });
    const minRevision = { logId: revision?.logId ?? "", number: (revision?.number ?? 0n) + 100n };
    for (const { clients } of [first, second]) {
      const question = clients().auth.authorize({ accessToken, minRevision });
      expect(await refusalOf(question)).toMatchObject({ reason: "REVISION_UNKNOWN" });
    }
  });

  it("obey new roles and new keys, whoever was told", async () => {
    const root = await logIn("root", second);
    const eve = await welcome("eve");
    const { admin } = second.clients(root.accessToken);
    await admin.setRole({ name: "clerk", permissions: ["orders:read"] });
    const roles = await acknowledged(admin.setUserRoles({ userId: eve.user?.id ?? "", roles: ["clerk"] }));
    await expectObeyed(
      roles.at,
      async () => (await verdictAt(first, eve.accessToken)) === "PRIVILEGES_CHANGED, REFRESH",
    );
    const { accessToken } = await first.clients().auth.refresh({ refreshToken: eve.refreshToken });
    expect(await verdictAt(first, accessToken, { allPermissions: ["orders:read"] })).toBe("GRANTED");
    const keys = await acknowledged(runCommand(["keys", "rotate", "--now"], workers.settings));
    expect(keys.value.code).toBe(0);
    for (const line of [first, second]) {
      const issued = await acknowledged(logIn("eve", line));
      for (const other of [first, second]) {
        await expectObeyed(issued.at, async () => (await verdictAt(other, issued.value.accessToken)) === "GRANTED");
      }
    }
  });

  it("leave one live branch of a session that both are asked to refresh", async () => {
    const { refreshToken, sessionId } = await welcome("kim");
    const both = Array.from({ length: 16 }, (_, index) => (index % 2 ? first : second));
    const answers = await Promise.all(both.map(({ clients }) => clients().auth.refresh({ refreshToken })));
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
    for (const [index, { accessToken }] of answers.entries()) {
      expect(await verdictAt(index % 2 ? second : first, accessToken)).toBe("GRANTED");
    }
    const next = await second.clients().auth.refresh({ refreshToken: answers[0]?.refreshToken ?? "" });
    expect(next.sessionId).toBe(sessionId);
  });

  it("tell whoever watches one of them what the other did", async () => {
    const root = await logIn("root");
    const apiKey = await serviceKey(first.clients(root.accessToken), "orders");
    for (const [watched, acting] of [
      [first, second],
      [second, first],
    ] as const) {
      const { refreshToken, sessionId } = await welcome(`max${watched.worker}`);
      let hasActed = false;
      const untilTold = async ({ case: kind }: WatchEvent, events: readonly WatchEvent[]) => {
        if (kind === "snapshotEnd" && !hasActed) await acting.clients().auth.logout({ refreshToken });
        hasActed ||= kind === "snapshotEnd";
        return endedIn(events).includes(sessionId);
      };
      const events = await watch(workers.server, apiKey, untilTold, { transport: watched.transport });
      expect(endedIn(events)).toContain(sessionId);
    }
  });
});

/** The sessions whose end was told in batches. */
function endedIn(events: readonly WatchEvent[]): readonly string[] {
  const entries = events.flatMap((event) => (event.case === "batch" ? event.value.entries : []));
  return entries.flatMap(({ change }) => (change.case === "sessionEnded" ? [change.value.sessionId] : []));
}
