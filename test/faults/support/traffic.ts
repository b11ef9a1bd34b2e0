/** What many clients ask of a service, so many calls a second, whatever becomes of it. */
import { Code, ConnectError } from "@connectrpc/connect";
import { AuthService } from "../../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { verdictOf } from "../../support/decisions.ts";
import { passwordOf } from "../../support/people.ts";
import { newAttempt } from "../../support/refreshing.ts";
import type { Chance } from "./chance.ts";
import { retryingOnce, type StockCaller } from "./stock-callers.ts";

const { signup, login, refresh, logout, authorize } = AuthService.method;

/** Traffic that flows until it is stopped. */
export type Traffic = {
  /** Resolves when the last call is over. */
  readonly stop: () => Promise<TrafficReport>;
};

/** What became of the calls. */
export type TrafficReport = {
  readonly calls: number;
  /** Calls that were made twice. */
  readonly retried: number;
  /** Calls that were not answered as they must be, each in words. */
  readonly failures: readonly string[];
  /** The longest time that a call took, its retry included, in milliseconds. */
  readonly worstMs: number;
};

/** A client, and the session that it keeps. */
type Resident = {
  readonly caller: StockCaller;
  readonly username: string;
  accessToken: string;
  refreshToken: string;
  sessionId: string;
  isRefreshing: boolean;
};

/** Signs each client up and in. */
async function settleIn(caller: StockCaller, index: number): Promise<Resident> {
  const username = `resident-${index}`;
  const password = passwordOf(username);
  await caller.call(signup, { username, password });
  const { accessToken, refreshToken, sessionId } = await caller.call(login, { identifier: username, password });
  return { caller, username, accessToken, refreshToken, sessionId, isRefreshing: false };
}

/** Begins; every client has an account and a session by then, and each call is that of another client. */
export async function startTraffic(
  callers: readonly StockCaller[],
  { perSecond, chance }: { readonly perSecond: number; readonly chance: Chance },
): Promise<Traffic> {
  const residents = await Promise.all(callers.map(settleIn));
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  let [calls, retried, worstMs, born] = [0, 0, 0, 0];

  async function once<T>(call: () => Promise<T>): Promise<T> {
    const { answer, tries } = await retryingOnce(call);
    if (tries > 1) retried += 1;
    return answer;
  }

  async function doAuthorize({ caller, accessToken }: Resident): Promise<void> {
    const verdict = verdictOf(await once(() => caller.call(authorize, { accessToken })));
    if (verdict !== "GRANTED") throw new Error(`told ${verdict}`);
  }

  async function doRefresh(resident: Resident): Promise<void> {
    if (resident.isRefreshing) return doAuthorize(resident);
    resident.isRefreshing = true;
    try {
      const request = { refreshToken: resident.refreshToken, attemptId: newAttempt() };
      const { accessToken, refreshToken, sessionId } = await once(() => resident.caller.call(refresh, request));
      if (sessionId !== resident.sessionId) throw new Error("another session");
      Object.assign(resident, { accessToken, refreshToken });
    } finally {
      resident.isRefreshing = false;
    }
  }

  async function doVisit({ caller, username }: Resident): Promise<void> {
    const request = { identifier: username, password: passwordOf(username) };
    const { refreshToken } = await once(() => caller.call(login, request));
    await once(() => caller.call(logout, { refreshToken }));
  }

  async function doSignup({ caller }: Resident): Promise<void> {
    const username = `visitor-${born++}`;
    let tries = 0;
    await once(async () => {
      tries += 1;
      await caller.call(signup, { username, password: passwordOf(username) }).catch((error: unknown) => {
        // The first was done, and its answer lost.
        if (tries === 1 || ConnectError.from(error).code !== Code.AlreadyExists) throw error;
      });
    });
  }

  async function take(turn: number): Promise<void> {
    const resident = residents[turn % residents.length];
    if (resident === undefined) throw new Error("there are no clients");
    const kinds = [
      doAuthorize,
      doAuthorize,
      doAuthorize,
      doAuthorize,
      doRefresh,
      doRefresh,
      doVisit,
      doSignup,
    ] as const;
    const kind = chance.oneOf(kinds);
    const begunAt = performance.now();
    try {
      await kind(resident);
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      failures.push(`${kind.name} of ${resident.caller.name}: ${Code[code]}: ${rawMessage}`);
    }
    worstMs = Math.max(worstMs, performance.now() - begunAt);
  }

  const startedAt = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * perSecond;
    while (calls < due) {
      const one: Promise<void> = take(calls).finally(() => underWay.delete(one));
      underWay.add(one);
      calls += 1;
    }
  }, 1);

  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return { calls, retried, failures, worstMs };
    },
  };
}
