import type { ServiceImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { RevokeOwnSession } from "../sessions/own-sessions.ts";
import { listLiveSessions } from "../store/queries/sessions.ts";
import { findUser } from "../store/queries/users.ts";
import type { Store } from "../store/store.ts";
import type { PageTokens } from "../tokens/page-token.ts";
import { userOf } from "./caller.ts";
import { type RevisionOf, toSession, toUser } from "./messages.ts";
import { fetchPage } from "./paging.ts";

type AccountServiceDeps = {
  readonly read: Store["read"];
  readonly revokeOwnSession: RevokeOwnSession;
  readonly pageTokens: PageTokens;
  readonly revisionOf: RevisionOf;
  readonly clock: Clock;
};

/** `AccountService`: the caller's own account. */
export function createAccountService(deps: AccountServiceDeps): ServiceImpl<typeof AccountService> {
  const { read, revokeOwnSession, pageTokens, revisionOf, clock } = deps;
  return {
    async getAccount(_request, context) {
      const user = await read((db) => findUser(db, "id", userOf(context).userId), context);
      if (user === null) throw new Refusal("SESSION_REVOKED");
      return { user: toUser(user) };
    },
    async listSessions(request, context) {
      const { userId, sessionId } = userOf(context);
      const page = await fetchPage(
        request,
        ["sessions", userId],
        pageTokens,
        (before, limit) => read((db) => listLiveSessions(db, { userId, now: clock.now(), before, limit }), context),
        ({ id }) => id,
      );
      return {
        sessions: page.items.map((session) => toSession(session, sessionId)),
        nextPageToken: page.nextPageToken,
      };
    },
    async revokeSession({ sessionId }, context) {
      const { revision } = await revokeOwnSession(userOf(context).userId, sessionId, context);
      return { revision: revisionOf(revision) };
    },
  };
}
