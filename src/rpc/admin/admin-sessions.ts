import { Refusal } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { UserSessionRevocation } from "../../sessions/user-sessions.ts";
import { listLiveSessions } from "../../store/queries/sessions.ts";
import { findUser } from "../../store/queries/users.ts";
import type { Store } from "../../store/store.ts";
import type { PageTokens } from "../../tokens/page-token.ts";
import type { ActorOf } from "../caller.ts";
import { type RevisionOf, toSession } from "../messages.ts";
import { fetchPage } from "../paging.ts";
import type { AdminPart } from "./admin-part.ts";

/** What the RPCs about anybody's sessions call. */
export type AdminSessionsDeps = {
  readonly read: Store["read"];
  readonly userSessions: UserSessionRevocation;
  readonly pageTokens: PageTokens;
  readonly revisionOf: RevisionOf;
  readonly actorOf: ActorOf;
  readonly clock: Clock;
};

/** `AdminService`: anybody's sessions. */
export function createAdminSessions(
  deps: AdminSessionsDeps,
): AdminPart<"listUserSessions" | "revokeUserSession" | "revokeAllUserSessions"> {
  const { read, userSessions, pageTokens, revisionOf, clock, actorOf } = deps;
  return {
    async listUserSessions(request, context) {
      const { userId } = request;
      const user = await read((db) => findUser(db, "id", userId), context);
      if (user === null) throw new Refusal("USER_NOT_FOUND");
      const page = await fetchPage(
        request,
        ["user-sessions", userId],
        pageTokens,
        (before, limit) => read((db) => listLiveSessions(db, { userId, now: clock.now(), before, limit }), context),
        ({ id }) => id,
      );
      return { sessions: page.items.map((session) => toSession(session, "")), nextPageToken: page.nextPageToken };
    },
    async revokeUserSession({ sessionId }, context) {
      const { revision } = await userSessions.revoke(sessionId, actorOf(context), context);
      return { revision: revisionOf(revision) };
    },
    async revokeAllUserSessions({ userId }, context) {
      const { revision, endedCount } = await userSessions.revokeAll(userId, actorOf(context), context);
      return { revision: revisionOf(revision), endedCount };
    },
  };
}
