/**
 * How sessions begin, move on and how long they live. Owns the rows of `sessions`;
 * knows nothing of passwords or tokens. Lifetimes: a session dies when it is not
 * refreshed for the idle time, and in any case after the absolute time.
 */
import type { Random } from "../lib/random.ts";
import { sha256 } from "../lib/sha256.ts";
import {
  insertSession,
  noteAccessExpiry,
  rememberRotation,
  rotate,
  rotationTime,
  type SessionRow,
} from "../store/queries/sessions.ts";
import type { Tx } from "../store/store.ts";
import { accessExpiry } from "../tokens/access-token-issuer.ts";
import { judgeRefresh, type RefreshVerdict } from "./refresh-rule.ts";

/** Lifetimes in milliseconds. */
export type SessionTimes = {
  readonly accessTokenTtlMs: number;
  readonly refreshIdleTtlMs: number;
  readonly refreshAbsoluteTtlMs: number;
  readonly refreshGraceMs: number;
};

/** What a new session is made of. */
export type NewSession = {
  readonly userId: string;
  readonly audiences: readonly string[];
  readonly deviceName: string;
};

/** Begins sessions and moves them on. Each call belongs to a write that has locked the user. */
export type SessionLife = {
  readonly begin: (tx: Tx, session: NewSession) => Promise<SessionRow>;
  /** What a presented generation may do; see {@link judgeRefresh}. */
  readonly judge: (tx: Tx, session: SessionRow, presented: number, attemptId: Uint8Array) => Promise<RefreshVerdict>;
  /** The session one generation on. */
  readonly rotate: (tx: Tx, session: SessionRow, attemptId: Uint8Array) => Promise<SessionRow>;
  /** The session as it is, with a fresh access token noted. No clock of the session moves. */
  readonly repeat: (tx: Tx, session: SessionRow) => Promise<SessionRow>;
};

/** A {@link SessionLife} with these lifetimes. */
export function createSessionLife({ times, random }: { times: SessionTimes; random: Random }): SessionLife {
  async function begin(tx: Tx, { userId, audiences, deviceName }: NewSession): Promise<SessionRow> {
    const absolute = wholeSecond(tx.now + times.refreshAbsoluteTtlMs);
    const session: SessionRow = {
      id: random.id("ses"),
      user_id: userId,
      generation: 1,
      rotated_at: tx.now,
      attempt_hash: null,
      refresh_expires_at: Math.min(wholeSecond(tx.now + times.refreshIdleTtlMs), absolute),
      absolute_expires_at: absolute,
      audiences: JSON.stringify(audiences),
      device_name: deviceName,
      auth_time: tx.now,
      access_expires_at: accessExpiry(tx.now, times.accessTokenTtlMs, absolute),
      ended_at: null,
    };
    await insertSession(tx.db, session);
    return session;
  }

  async function judge(tx: Tx, session: SessionRow, presented: number, attemptId: Uint8Array): Promise<RefreshVerdict> {
    const current = session.generation;
    const exchangedAt = await exchangeTime(tx, session, presented);
    const isSameAttempt = attemptId.length > 0 && session.attempt_hash === sha256(attemptId);
    return judgeRefresh({ presented, current, exchangedAt, isSameAttempt, now: tx.now, graceMs: times.refreshGraceMs });
  }

  /** When the generation was exchanged, as far as that is known. */
  async function exchangeTime(tx: Tx, session: SessionRow, presented: number): Promise<number | null> {
    // One that was not exchanged yet.
    if (presented >= session.generation) return null;
    return presented === session.generation - 1 ? session.rotated_at : rotationTime(tx.db, session.id, presented);
  }

  function nextAccessExpiry(tx: Tx, session: SessionRow): number {
    return accessExpiry(tx.now, times.accessTokenTtlMs, session.absolute_expires_at);
  }

  async function moveOn(tx: Tx, session: SessionRow, attemptId: Uint8Array): Promise<SessionRow> {
    const next = {
      generation: session.generation + 1,
      rotated_at: tx.now,
      attempt_hash: attemptId.length > 0 ? sha256(attemptId) : null,
      refresh_expires_at: Math.min(wholeSecond(tx.now + times.refreshIdleTtlMs), session.absolute_expires_at),
      access_expires_at: Math.max(nextAccessExpiry(tx, session), session.access_expires_at),
    };
    const [hasMoved] = await Promise.all([rotate(tx.db, session.id, next), rememberLastRotation(tx, session)]);
    if (!hasMoved) throw new Error(`session ${session.id} moved on under its lock`);
    return { ...session, ...next };
  }

  /** The exchange before this one; only worth a row while a third use of its token would count as slow, not stolen. */
  async function rememberLastRotation(tx: Tx, { id, generation, rotated_at }: SessionRow): Promise<void> {
    const forgetBefore = tx.now - times.refreshGraceMs;
    if (generation === 1 || rotated_at <= forgetBefore) return;
    await rememberRotation(tx.db, { session_id: id, generation: generation - 1, rotated_at }, forgetBefore);
  }

  async function repeat(tx: Tx, session: SessionRow): Promise<SessionRow> {
    const expiresAt = nextAccessExpiry(tx, session);
    await noteAccessExpiry(tx.db, session.id, expiresAt);
    return { ...session, access_expires_at: Math.max(expiresAt, session.access_expires_at) };
  }

  return { begin, judge, rotate: moveOn, repeat };
}

/** The audiences that the session was begun for. */
export function audiencesOf(session: SessionRow): readonly string[] {
  const audiences: unknown = JSON.parse(session.audiences);
  return Array.isArray(audiences) ? audiences.map(String) : [];
}

/** Tokens tell their expiry in whole seconds; so that the row and the token agree, it is one. */
function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
