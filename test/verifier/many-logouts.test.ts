/** Many logouts, each of which must reach every verifier. */
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { startApp } from "../support/app.ts";
import { copySessions } from "../support/bulk-sessions.ts";
import { clientsOf } from "../support/clients.ts";
import { concurrently } from "../support/concurrently.ts";
import { delegate } from "../support/delegating.ts";
import { logIn, signUp, welcomeAdmin } from "../support/people.ts";
import { serviceKey } from "../support/watching.ts";

const LOGOUTS = 10_000;
/** Under way at the same time. */
const AT_ONCE = 200;

it("Not one of 10,000 logouts is missed by a verifier that is connected, once it has the revision of the answer", {
  timeout: 240_000,
}, async () => {
  const app = await startApp({ settings: { SALLYPORT_LOG_LEVEL: "warn" } });
  const apiKey = await serviceKey(await welcomeAdmin(app), "orders");
  await signUp(app, "ada");
  const { tokens: first } = await logIn(app, "ada", ["orders"]);
  const sessions = await copySessions(app, first.sessionId, LOGOUTS);
  const verifiers = [delegate(app, apiKey), delegate(app, apiKey, { cacheCapacity: LOGOUTS })];
  for (const verifier of verifiers) await verifier.ready();
  const { auth } = clientsOf(app.url, "", createGrpcTransport);
  const missed: string[] = [];
  let granted = 0;
  await concurrently(AT_ONCE, sessions, async ({ accessToken, refreshToken, sessionId }) => {
    for (const verifier of verifiers) if (verifier.check(accessToken).granted) granted += 1;
    const { revision } = await auth.logout({ refreshToken });
    const minRevision = { logId: revision?.logId ?? "", number: Number(revision?.number) };
    for (const verifier of verifiers) {
      const decision = await verifier.authorize(accessToken, {}, { minRevision });
      if (decision.granted || decision.reason !== "SESSION_REVOKED") missed.push(sessionId);
    }
  });
  expect(missed).toEqual([]);
  expect(granted).toBe(LOGOUTS * verifiers.length);
  await app.close();
});
