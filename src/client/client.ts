/**
 * `sallyport/client`: what applications sign in with. Owns nothing but how the parts fit
 * together. Runs in browsers and in Node alike; over any Connect transport.
 *
 * What it promises: one refresh for all calls in flight, of all tabs; a call is sent twice
 * only where that is safe; a session ends only when Sallyport says that it is over.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import {
  AuthService,
  type LoginRequestSchema,
  type SignupRequestSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Revision } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import type { User } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { createAccessTokens } from "./access-tokens.ts";
import { carryToken } from "./carry-token.ts";
import { createHeldSession, type RecordChange, type SignedOutReason } from "./held-session.ts";
import { interceptedTransport } from "./intercepted-transport.ts";
import { logListenerError, type OnListenerError } from "./listener-error.ts";
import { createLogout, type LogoutOptions } from "./logout.ts";
import { originOf } from "./origin.ts";
import { type RandomBytes, systemRandomBytes } from "./random-bytes.ts";
import { createRefresh } from "./refresh.ts";
import { createRefreshCall } from "./refresh-call.ts";
import { recordOfLogin, type SessionRecord } from "./session-record.ts";
import { createMemoryStore, type SessionStore } from "./session-store.ts";
import { type Pause, systemPause } from "./wait.ts";

export { type BrowserStoreOptions, createBrowserStore } from "./browser-store.ts";
export type { SignedOutReason } from "./held-session.ts";
export type { OnListenerError } from "./listener-error.ts";
export { type Reason, type RefusalReason, reasonOf } from "./refusal-reason.ts";
export { createMemoryStore, type SessionStore, SessionStoreError } from "./session-store.ts";

/** Who is signed in. */
export type Session = {
  readonly sessionId: string;
  /** The user as of the last login or refresh. */
  readonly user: User;
  /** When the session ends unless it is used before, by the server's clock. */
  readonly expiresAt: Date;
};

/** What became of the session, by this client or by another one that shares its store. */
export type SessionChange =
  | { readonly kind: "signed-in" | "refreshed"; readonly session: Session }
  /** `session` is the one that is over. */
  | { readonly kind: "signed-out"; readonly session: Session; readonly reason: SignedOutReason };

/** Where an interceptor carries tokens. */
export type InterceptorOptions = {
  /** The backend's URL, or several; tokens go to no other origin. */
  readonly to: string | readonly string[];
  /** The audience that the backend asks for. Without it, the backend gets a token for all of the session's audiences. */
  readonly audience?: string;
};

/**
 * A client of Sallyport with the session of one user. Calls fail with a `ConnectError`, whose
 * typed reason `reasonOf` tells. Whatever needs the stored session fails with a
 * {@link SessionStoreError} if it cannot be read.
 */
export type SallyportClient = {
  /** Makes an account. Signs nobody in. */
  readonly signup: (request: MessageInitShape<typeof SignupRequestSchema>, options?: CallOptions) => Promise<User>;
  /** Signs in. The session that was stored before is replaced; log out first to end it. */
  readonly login: (request: MessageInitShape<typeof LoginRequestSchema>, options?: CallOptions) => Promise<Session>;
  /**
   * Ends the session, or others of the user; see {@link LogoutOptions}. Does nothing if nobody is
   * signed in. If Sallyport cannot be asked, this fails and the session stays: try again, or `forget()`.
   * Whoever knows of the revision that comes back refuses the session's tokens.
   */
  readonly logout: (options?: LogoutOptions) => Promise<Revision | null>;
  /** Takes the session out of the store without a word to Sallyport, where it lives on until it expires. */
  readonly forget: () => Promise<void>;
  /** Who is signed in, as far as the store knows; asks nobody. */
  readonly session: () => Promise<Session | null>;
  /** Gets new tokens now, so that changed roles hold at once. `null` if nobody is signed in. */
  readonly refresh: () => Promise<Session | null>;
  /** A good access token, for what is not called by Connect; `null` if nobody is signed in. */
  readonly accessToken: (audience?: string) => Promise<string | null>;
  /** The signed-in user's own account. */
  readonly account: Client<typeof AccountService>;
  /** The transport to Sallyport with the access token, for its other services. */
  readonly transport: Transport;
  /** Makes transports to your own backends carry the access token. */
  readonly interceptor: (options: InterceptorOptions) => Interceptor;
  /**
   * Calls `listener` after each change, once, in order. Returns what ends that, at once. A listener that
   * throws or rejects breaks nothing; see `onListenerError`.
   */
  readonly onChange: (listener: (change: SessionChange) => void) => () => void;
  /** Gives up what is under way and listens no more. The session stays in the store. */
  readonly close: () => void;
};

/** What a client needs; all but the transport has a default. */
export type SallyportClientOptions = {
  /** Leads to Sallyport. */
  readonly transport: Transport;
  /** Where the session is kept; in memory unless another is given. */
  readonly store?: SessionStore;
  readonly clock?: Clock;
  readonly randomBytes?: RandomBytes;
  readonly pause?: Pause;
  /** Told of what a listener of `onChange` threw or rejected with. It goes to `console.error` unless this is given. */
  readonly onListenerError?: OnListenerError;
};

/** A {@link SallyportClient}. */
export function createSallyportClient({
  transport,
  store = createMemoryStore(),
  clock = systemClock,
  randomBytes = systemRandomBytes,
  pause = systemPause,
  onListenerError = logListenerError,
}: SallyportClientOptions): SallyportClient {
  const end = new AbortController();
  const auth = createClient(AuthService, transport);
  const held = createHeldSession({ store, onListenerError });
  const send = createRefreshCall({ auth, pause, randomBytes, signal: end.signal });
  const refresh = createRefresh({ held, exclusively: store.exclusively, send, clock, randomBytes, pause });
  const tokens = createAccessTokens({ held, refresh, clock, randomBytes });
  const carry = { tokens, pause, randomBytes };
  const carrying = interceptedTransport(transport, carryToken(carry, { audience: "", origins: null }));

  async function session(): Promise<Session | null> {
    const present = await held.read();
    return present === null ? null : toSession(present.record);
  }

  return {
    async signup(request, options) {
      const { user } = await auth.signup(request, options);
      return known(user);
    },
    async login(request, options) {
      // What cannot be stored is not begun either.
      await held.read();
      const since = clock.now();
      const record = recordOfLogin({ tokens: await auth.login(request, options), audience: "", since });
      await held.begin(record);
      return toSession(record);
    },
    logout: createLogout({ auth, held, pause }),
    forget: held.forget,
    session,
    refresh: async () => ((await tokens.anew("")) === null ? null : session()),
    accessToken: async (audience = "") => (await tokens.current(audience))?.access.token ?? null,
    account: createClient(AccountService, carrying),
    transport: carrying,
    interceptor: ({ to, audience = "" }) => carryToken(carry, { audience, origins: originsOf(to) }),
    onChange: (listener) => held.onChange((change) => listener(toChange(change))),
    close() {
      end.abort();
      held.close();
    },
  };
}

function toSession({ sessionId, user, expiresAt }: SessionRecord): Session {
  return { sessionId, user, expiresAt: new Date(expiresAt) };
}

function toChange({ record, ...change }: RecordChange): SessionChange {
  return { ...change, session: toSession(record) };
}

function known(user: User | undefined): User {
  if (user === undefined) throw new Error("Sallyport answered without a user");
  return user;
}

function originsOf(to: string | readonly string[]): ReadonlySet<string> {
  const origins = new Set((typeof to === "string" ? [to] : to).map(originOf));
  if (origins.size === 0) throw new TypeError("name the URL of a backend to carry tokens to");
  return origins;
}
