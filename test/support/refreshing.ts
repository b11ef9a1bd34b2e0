/** Refreshing, and looking at what came of it. */
import { decodeJwt } from "jose";
import type { RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { TestApp } from "./app.ts";
import { clientsOf } from "./clients.ts";
import { verdictOf } from "./decisions.ts";

/** An attempt id as a client makes it: 16 random bytes. */
export function newAttempt(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(systemRandom.bytes(16));
}

/** Exchanges a refresh token at `app`, with an attempt id if one is given. */
export function refresh(app: TestApp, refreshToken: string, attemptId = new Uint8Array()): Promise<RefreshResponse> {
  return clientsOf(app.url).auth.refresh({ refreshToken, attemptId });
}

/** Exchanges a refresh token and then what came of it, `times` in all; every refresh token, the oldest first. */
export async function refreshChain(app: TestApp, refreshToken: string, times: number): Promise<readonly string[]> {
  const chain = [refreshToken];
  for (let done = 0; done < times; done += 1) chain.push((await refresh(app, chain[done] ?? "")).refreshToken);
  return chain;
}

/** The generation that a refresh token carries. */
export function generationOf(refreshToken: string): unknown {
  return decodeJwt(refreshToken).gen;
}

/** What `Authorize` decides of an access token now. */
export async function verdictOn(app: TestApp, accessToken: string): Promise<string> {
  return verdictOf(await clientsOf(app.url).auth.authorize({ accessToken }));
}

/** What the log of the instance tells under the name of `event` about a session. */
export function loggedOf(app: TestApp, event: string, sessionId: string): readonly Record<string, unknown>[] {
  return app.logged().filter((line) => line.event === event && line.session_id === sessionId);
}
