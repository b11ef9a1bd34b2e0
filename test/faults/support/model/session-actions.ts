/** What people do with their sessions. */
import { LogoutScope } from "../../../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { sha256 } from "../../../../src/lib/sha256.ts";
import { createRefreshTokens } from "../../../../src/tokens/refresh-token.ts";
import { type Action, DONE, refused } from "./deed.ts";
import { seenOf, seenTokens } from "./seeing.ts";
import { endInScope, logIn, refresh, type Scope } from "./session-rules.ts";
import { SIGNED_IN, verdictOn } from "./verdicts.ts";
import { at, fromEnd, type World } from "./world.ts";

const SCOPES = { SESSION: LogoutScope.SESSION, OTHERS: LogoutScope.OTHERS, ALL: LogoutScope.ALL } as const;

/** The attempt id of this number; 0 is none. */
function attemptId(attempt: number): Uint8Array<ArrayBuffer> {
  return attempt === 0
    ? new Uint8Array()
    : new Uint8Array(Buffer.from(sha256(`attempt ${attempt}`), "utf8").subarray(0, 32));
}

/** Login. */
export function loggingIn(name: string, password: string, audiences: string[]): Action {
  return {
    text: `log in ${name} with ${password.slice(0, 6)} for [${audiences}]`,
    deed: () => ({
      logsIn: name,
      expect: (world) => logIn(world, name, password, audiences),
      carryOut: ({ clients }, instance) =>
        seenOf(clients(instance).auth.login({ identifier: name, password, audiences }), (answer) =>
          seenTokens(answer, true),
        ),
    }),
  };
}

/** Refresh with a token that is so many from the newest. */
export function refreshing(distance: number, attempt: number, audiences: string[]): Action {
  return {
    text: `refresh with token -${distance}, attempt ${attempt}, for [${audiences}]`,
    deed(world) {
      const found = fromEnd(world.refreshTokens, distance);
      if (found === null) return null;
      const { index, item } = found;
      return {
        writes: { what: `attempt of session ${item.session}`, value: String(attempt) },
        expect: (present) => refresh(present, index, attempt, audiences),
        carryOut: ({ clients }, instance) =>
          seenOf(
            clients(instance).auth.refresh({ refreshToken: item.text, attemptId: attemptId(attempt), audiences }),
            (answer) => seenTokens(answer, false),
          ),
      };
    },
  };
}

/** Refresh with one that was exchanged before, of a session that lives: what a thief does, or whoever is late. */
export function replaying(distance: number, attempt: number): Action {
  return {
    text: `refresh once more with a token that was exchanged, -${distance}, attempt ${attempt}`,
    deed(world) {
      const { sessions, refreshTokens } = world;
      const spent = refreshTokens.flatMap((token, index) => {
        const { hasEnded, isGone, generation } = at(sessions, token.session);
        return !hasEnded && !isGone && token.generation < generation ? [refreshTokens.length - 1 - index] : [];
      });
      const found = fromEnd(spent, distance);
      return found === null ? null : refreshing(found.item, attempt, []).deed(world);
    },
  };
}

/** A token of a session that has not come so far: what is left of it after the database was put back in time. */
export function comingFromTheFuture(distance: number, ahead: number): Action {
  return {
    text: `find a token of session -${distance} that is ${ahead} ahead`,
    deed(world) {
      const found = fromEnd(world.sessions, distance);
      if (found === null) return null;
      const { index, item: session } = found;
      const generation = session.generation + ahead;
      const { expiresAt } = session;
      return {
        expect: ({ refreshTokens }) => ({
          outcome: { done: null },
          learn({ refreshToken = "" }) {
            refreshTokens.push({ text: refreshToken, session: index, generation, expiresAt, isAhead: true });
          },
        }),
        async carryOut({ core, issuer, clock }) {
          const { issue } = createRefreshTokens({ issuer, keys: core.keys });
          const grant = { sessionId: session.id, generation, issuedAt: clock.now(), expiresAt };
          return { outcome: { done: null }, made: { refreshToken: await issue(grant) } };
        },
      };
    },
  };
}

/** Logout by a refresh token. */
export function loggingOut(distance: number, scope: Scope): Action {
  return {
    text: `log out ${scope} with refresh token -${distance}`,
    deed(world) {
      const found = fromEnd(world.refreshTokens, distance);
      if (found === null) return null;
      const { text: refreshToken, session: of, generation, expiresAt } = found.item;
      return {
        expect(present) {
          const session = at(present.sessions, of);
          const age = generation - session.generation;
          const objection =
            expiresAt <= present.now
              ? "REFRESH_TOKEN_EXPIRED"
              : ([null, "REFRESH_TOKEN_FROM_FUTURE", "REFRESH_TOKEN_SUPERSEDED"].at(Math.sign(age)) ?? null);
          return endInScope(present, session, scope, objection);
        },
        carryOut: ({ clients }, instance) =>
          seenOf(clients(instance).auth.logout({ refreshToken, scope: SCOPES[scope] })),
      };
    },
  };
}

/** Logout by an access token: one that is in force and not expired, and for Sallyport, whatever became of its session. */
export function loggingOutByAccess(distance: number, scope: Scope): Action {
  return {
    text: `log out ${scope} with access token -${distance}`,
    deed(world) {
      const found = fromEnd(world.accessTokens, distance);
      if (found === null) return null;
      const { item: token } = found;
      return {
        expect(present) {
          const verdict = verdictOn(present, token, SIGNED_IN);
          if (["TOKEN_INVALID", "TOKEN_EXPIRED"].includes(verdict)) return refused(verdict);
          if (!token.audiences.includes("sallyport")) return refused("AUDIENCE_MISMATCH");
          return endInScope(present, at(present.sessions, token.session), scope, null);
        },
        carryOut: ({ clients }, instance) =>
          seenOf(clients(instance, token.text).auth.logout({ scope: SCOPES[scope] })),
      };
    },
  };
}

/** A signed-in user ends a session, be it of their own or not. */
export function revokingOwn(tokenDistance: number, sessionDistance: number): Action {
  return {
    text: `revoke session -${sessionDistance} with access token -${tokenDistance}`,
    deed(world) {
      const token = fromEnd(world.accessTokens, tokenDistance)?.item;
      const found = fromEnd(world.sessions, sessionDistance);
      if (token === undefined || found === null) return null;
      const end = (present: World) => {
        const session = at(present.sessions, found.index);
        if (session.isGone || session.user !== at(present.sessions, token.session).user)
          return refused("SESSION_NOT_FOUND");
        session.hasEnded = true;
        return DONE;
      };
      const letIn = (present: World) => {
        const verdict = verdictOn(present, token, SIGNED_IN);
        return verdict === "GRANTED" ? null : refused(verdict);
      };
      return {
        expect: (present) => letIn(present) ?? end(present),
        expectAfter: (before, present) => letIn(before) ?? end(present),
        carryOut: ({ clients }, instance) =>
          seenOf(clients(instance, token.text).account.revokeSession({ sessionId: found.item.id })),
      };
    },
  };
}
