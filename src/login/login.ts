/**
 * Login: a password for a session.
 *
 * Owns the order of the steps and the rule that wrong password, unknown user and
 * disabled user are told apart by nobody: same answer, same work. What may be in
 * a password is not asked here; whoever has one may use it.
 */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import { isOver, type Patience } from "../lib/patience.ts";
import type { PasswordHasher } from "../passwords/password-hasher.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession } from "../revocations/entries.ts";
import type { NewSession, SessionLife } from "../sessions/session-life.ts";
import { surplusSessions } from "../store/queries/sessions.ts";
import { findUserAlone, lockUser, replaceHash, type UserAlone } from "../store/queries/users.ts";
import type { Store, Tx } from "../store/store.ts";
import type { AudiencePolicy } from "../tokens/audience-policy.ts";
import { findByIdentifier } from "../users/find-user.ts";
import type { IssueTokenPair, TokenGrant, TokenPair } from "./token-pair.ts";

/** Who wants in. */
export type LoginInput = {
  /** User name or e-mail address, as typed. */
  readonly identifier: string;
  readonly password: string;
  readonly audiences: readonly string[];
  readonly deviceName: string;
};

/**
 * Checks a password and starts a session.
 * @throws Refusal CREDENTIALS_INVALID, AUDIENCE_UNKNOWN, BUSY, UNAVAILABLE.
 */
export type Login = (input: LoginInput, patience: Patience) => Promise<TokenPair>;

type LoginDeps = {
  readonly readAtOnce: Store["readAtOnce"];
  readonly commit: Commit;
  readonly hasher: PasswordHasher;
  readonly sessions: Pick<SessionLife, "begin">;
  readonly audiences: AudiencePolicy;
  readonly issueTokenPair: IssueTokenPair;
  readonly audit: Audit;
};

/** What is known of a user whose password was right. */
type Proof = { readonly user: UserAlone; readonly newHash: string | null };

/** What became of a start: tokens to issue; another login renewed the hash; or the user is not the same any more. */
type Start = { readonly revision: number | null; readonly started: TokenGrant | "rehashed" | "changed" };

/** A hash is renewed once when its parameters move on, so whoever loses that race need try only once more. */
const MAX_ATTEMPTS = 2;
/** Live sessions of one user; the next login ends the oldest. */
const MAX_SESSIONS = 100;
const findSurplus = surplusSessions(MAX_SESSIONS);
const TRY_AGAIN = "the account changed during the login; try again";

/** A {@link Login}. */
export function createLogin(deps: LoginDeps): Login {
  const { readAtOnce, commit, hasher, sessions, issueTokenPair, audit } = deps;

  return async function login({ identifier, password, audiences, deviceName }, patience) {
    const session = { audiences: deps.audiences.forLogin(audiences), deviceName };
    // Many come at once or none: whoever cannot be helped must cost next to nothing.
    hasher.requireRoom();
    for (let attempt = 1; ; attempt += 1) {
      const found = await readAtOnce((db) => findByIdentifier(db, identifier, findUserAlone), patience);
      const proof = await prove(found, password, patience.signal);
      if (proof === null) return refuse(found);
      // A session that nobody waits for would be nobody's.
      if (isOver(patience)) throw new Refusal("DEADLINE_EXCEEDED");
      const { started } = await commit((tx) => start(tx, proof, session), patience);
      if (typeof started === "object") return issueTokenPair(started);
      if (started === "changed" || attempt === MAX_ATTEMPTS) return refuse(found);
    }
  };

  /** One hash's work whoever asks, and the user only if all is right. */
  async function prove(user: UserAlone | null, password: string, signal: AbortSignal): Promise<Proof | null> {
    if (user === null) {
      await hasher.verifyNobody(password, signal);
      return null;
    }
    const { matches, outdated } = await hasher.verify(user.password_hash, password, signal);
    if (!matches || user.state !== "active") return null;
    return { user, newHash: outdated ? await hasher.hash(password, signal) : null };
  }

  /** Starts the session if the user still is what the password was checked against. */
  async function start(tx: Tx, { user: checked, newHash }: Proof, session: Omit<NewSession, "userId">): Promise<Start> {
    const user = await lockUser(tx, checked.id);
    if (user === null || user.state !== checked.state) return { revision: null, started: "changed" };
    const hasSameHash = user.password_hash === checked.password_hash;
    // A new password raises the epoch; only another login that renewed the hash does not.
    if (!hasSameHash) return { revision: null, started: user.epoch === checked.epoch ? "rehashed" : "changed" };
    if (user.epoch !== checked.epoch) throw new Refusal("UNAVAILABLE", { message: TRY_AGAIN, retryAfterMs: 100 });
    if (newHash !== null) await replaceHash(tx.db, user.id, checked.password_hash, newHash);
    const begun = await sessions.begin(tx, { userId: user.id, ...session });
    await audit.record(tx, { kind: "login", userId: user.id, sessionId: begun.id, actor: user.id });
    const revision = await endSurplus(tx, user.id);
    return { revision, started: { session: begun, user, issuedAt: tx.now } };
  }

  /** Ends the oldest sessions beyond the bound: all of a user's sessions must be ended in one short write. */
  async function endSurplus(tx: Tx, userId: string): Promise<number | null> {
    let revision: number | null = null;
    for (const session of await findSurplus(tx.db, userId, tx.now)) {
      revision = await endSession(tx, session);
      await audit.record(tx, { kind: "session_surplus", userId, sessionId: session.id });
    }
    return revision;
  }

  /**
   * The one refusal, after it is on record, also if nobody waits for it: whoever guesses must not be able to keep that
   * out of the record by going away. The identifier is not: people type passwords into the wrong field.
   */
  async function refuse(user: UserAlone | null): Promise<never> {
    await commit(async (tx) => {
      await audit.record(tx, { kind: "login_refused", userId: user?.id ?? null });
      return { revision: null };
    });
    throw new Refusal("CREDENTIALS_INVALID");
  }
}
