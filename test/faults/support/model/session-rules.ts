/** How sessions begin, go on and end, by the words of the contract: the reference. */
import { type Expected, refused } from "./deed.ts";
import { AUDIENCES, at, type Session, TIMES, type World, wholeSecond } from "./world.ts";

/** Which sessions a logout ends. */
export type Scope = "SESSION" | "OTHERS" | "ALL";

/** The answer that hands out tokens of a session as it is now. */
function handOut(world: World, index: number, audiences: readonly string[]): Expected {
  const session = at(world.sessions, index);
  const user = world.users.get(session.user);
  if (user === undefined) throw new Error("a session of nobody");
  const { generation, absoluteEnd, authTime } = session;
  const expiresAt = Math.min(wholeSecond(world.now) + TIMES.access, absoluteEnd);
  session.lastAccessExpiry = Math.max(session.lastAccessExpiry, expiresAt);
  const access = { text: "", kid: "", session: index, epoch: user.epoch, roles: user.roles, audiences, expiresAt };
  world.accessTokens.push(access);
  const known = world.refreshTokens.find(
    (token) => token.session === index && token.generation === generation && !token.isAhead,
  );
  const token = known ?? { text: "", session: index, generation, expiresAt: session.expiresAt, isAhead: false };
  if (known === undefined) world.refreshTokens.push(token);
  const told = { session: session.id === "" ? "new" : session.id, user: session.user, generation, audiences };
  const times = { expiresAt, refreshExpiresAt: session.expiresAt, authTime: wholeSecond(authTime) };
  return {
    outcome: { done: { ...told, ...times, epoch: user.epoch, roles: [...user.roles].sort() } },
    learn({ accessToken = "", refreshToken = "", sessionId = "", kids = [] }) {
      // A repeated answer repeats the token.
      if (token.text !== "" && token.text !== refreshToken) throw new Error("a generation has two tokens: a fork");
      token.text = refreshToken;
      session.id = sessionId;
      Object.assign(access, { text: accessToken, kid: kids[0] ?? "" });
    },
  };
}

/** Login, with a password. */
export function logIn(world: World, name: string, password: string, audiences: readonly string[]): Expected {
  if (!audiences.every((audience) => AUDIENCES.some((allowed) => allowed === audience)))
    return refused("AUDIENCE_UNKNOWN");
  const user = world.users.get(name);
  if (user === undefined || user.password !== password || !user.isActive) return refused("CREDENTIALS_INVALID");
  const { now } = world;
  const absoluteEnd = wholeSecond(now + TIMES.absolute);
  const chosen = audiences.length > 0 ? audiences : [AUDIENCES[0]];
  const times = { authTime: now, absoluteEnd, expiresAt: Math.min(wholeSecond(now + TIMES.idle), absoluteEnd) };
  const fresh = { generation: 1, exchanges: [], hasEnded: false, lastAccessExpiry: 0, isGone: false };
  const index = world.sessions.push({ id: "", user: name, audiences: chosen, ...times, ...fresh }) - 1;
  return handOut(world, index, chosen);
}

/** Refresh, with the token at a place and an attempt id, of which 0 is none. */
export function refresh(world: World, tokenAt: number, attempt: number, audiences: readonly string[]): Expected {
  const { now } = world;
  const token = at(world.refreshTokens, tokenAt);
  const session = at(world.sessions, token.session);
  if (token.expiresAt <= now) return refused("REFRESH_TOKEN_EXPIRED");
  if (session.hasEnded || session.isGone) return refused("SESSION_ENDED");
  if (session.expiresAt <= now) return refused("REFRESH_TOKEN_EXPIRED");
  if (token.generation > session.generation) return refused("REFRESH_TOKEN_FROM_FUTURE");
  const exchange = session.exchanges[token.generation - 1];
  const isRecent = exchange !== undefined && now - exchange.at < TIMES.grace;
  const isSameAttempt = exchange !== undefined && attempt > 0 && exchange.attempt === attempt;
  const isLastButOne = token.generation === session.generation - 1;
  if (exchange !== undefined && !(isLastButOne && (isRecent || isSameAttempt))) {
    if (isRecent) return refused("REFRESH_TOKEN_SUPERSEDED");
    session.hasEnded = true;
    return refused("REFRESH_TOKEN_REUSED");
  }
  if (!audiences.every((audience) => session.audiences.includes(audience))) return refused("AUDIENCE_UNKNOWN");
  if (exchange === undefined) {
    session.exchanges.push({ at: now, attempt });
    session.generation += 1;
    session.expiresAt = Math.min(wholeSecond(now + TIMES.idle), session.absoluteEnd);
  }
  return handOut(world, token.session, audiences.length > 0 ? audiences : session.audiences);
}

/** Sessions of a user that are neither ended nor forgotten. */
function open(world: World, user: string): readonly Session[] {
  return world.sessions.filter((session) => session.user === user && !session.hasEnded && !session.isGone);
}

/** Ends every session of a user; how many. */
export function endAll(world: World, user: string): number {
  const sessions = open(world, user);
  for (const session of sessions) session.hasEnded = true;
  return sessions.length;
}

/** Ends the sessions in scope, unless there is a reason why whoever asks may not. */
export function endInScope(world: World, session: Session, scope: Scope, objection: string | null): Expected {
  if (scope === "SESSION") session.hasEnded = true;
  else {
    if (session.isGone) return refused("SESSION_ENDED");
    const doomed = open(world, session.user).filter((other) => scope === "ALL" || other !== session);
    const reason = session.hasEnded ? "SESSION_ENDED" : objection;
    if (reason !== null && doomed.length > 0) return refused(reason);
    for (const other of doomed) other.hasEnded = true;
  }
  return { outcome: { done: null } };
}
