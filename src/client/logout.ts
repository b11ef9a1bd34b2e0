/**
 * Logout: Sallyport ends the session, then the store forgets it. In this order, because the
 * other way round a service that is down would leave a session that nobody can end.
 */
import type { CallOptions, Client } from "@connectrpc/connect";
import { type AuthService, LogoutScope } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Revision } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import type { Held, HeldSession, SignedOutReason } from "./held-session.ts";
import { ENDING } from "./refresh.ts";
import { reasonOf } from "./refusal-reason.ts";
import type { Pause } from "./wait.ts";

/** Which sessions of the user end, and the options of the call. */
export type LogoutOptions = CallOptions & {
  /** `this` one unless said otherwise; `others` keeps this one alone. */
  readonly sessions?: "this" | "others" | "all";
};

const SCOPES = { this: LogoutScope.SESSION, others: LogoutScope.OTHERS, all: LogoutScope.ALL } as const;
/** How long another tab may take to store the token that superseded ours. */
const STORED_SOON_MS = 500;

/** Ends sessions; the revision from which everybody knows, or `null` if there was nothing to end. */
export type Logout = (options?: LogoutOptions) => Promise<Revision | null>;

/** A {@link Logout}. */
export function createLogout(deps: {
  readonly auth: Pick<Client<typeof AuthService>, "logout">;
  readonly held: Pick<HeldSession, "read" | "end">;
  readonly pause: Pause;
}): Logout {
  const { auth, held, pause } = deps;

  return async function logout({ sessions = "this", ...options } = {}) {
    const present = await held.read();
    if (present === null) return null;
    try {
      const revision = await ask(present, SCOPES[sessions], options);
      if (sessions !== "others") await drop(present, "LOGGED_OUT");
      return revision;
    } catch (error) {
      const reason = reasonOf(error)?.reason;
      if (reason === undefined || !ENDING.has(reason)) throw error;
      await drop(present, sessions === "this" ? "LOGGED_OUT" : reason);
      if (sessions === "this") return null;
      throw error;
    }
  };

  /** Asks once more if another tab refreshed in the same moment: only the newest token speaks for other sessions. */
  async function ask({ record }: Held, scope: LogoutScope, options: CallOptions): Promise<Revision | null> {
    const send = async (refreshToken: string) => (await auth.logout({ refreshToken, scope }, options)).revision ?? null;
    try {
      return await send(record.refreshToken);
    } catch (error) {
      if (reasonOf(error)?.reason !== "REFRESH_TOKEN_SUPERSEDED") throw error;
      await pause(STORED_SOON_MS, options.signal);
      const newer = await held.read();
      if (newer?.record.sessionId !== record.sessionId || newer.record.refreshToken === record.refreshToken)
        throw error;
      return send(newer.record.refreshToken);
    }
  }

  /** Takes the session away, however often it was refreshed meanwhile; never another one. */
  async function drop({ record }: Held, reason: SignedOutReason): Promise<void> {
    for (;;) {
      const present = await held.read();
      if (present?.record.sessionId !== record.sessionId || (await held.end(present, reason))) return;
    }
  }
}
