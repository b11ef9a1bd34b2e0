import type { Services } from "../../services/services.ts";
import { listServices } from "../../store/queries/services.ts";
import type { Store } from "../../store/store.ts";
import type { PageTokens } from "../../tokens/page-token.ts";
import type { ActorOf } from "../caller.ts";
import { type RevisionOf, toServiceCredential } from "../messages.ts";
import { fetchPage } from "../paging.ts";
import type { AdminPart } from "./admin-part.ts";

/** What the RPCs about service credentials call. */
export type AdminServicesDeps = {
  readonly read: Store["read"];
  readonly services: Services;
  readonly pageTokens: PageTokens;
  readonly revisionOf: RevisionOf;
  readonly actorOf: ActorOf;
};

/** `AdminService`: service credentials. */
export function createAdminServices(
  deps: AdminServicesDeps,
): AdminPart<"listServices" | "createService" | "revokeService"> {
  const { read, services, pageTokens, revisionOf, actorOf } = deps;
  return {
    async listServices(request, context) {
      const page = await fetchPage(
        request,
        ["services"],
        pageTokens,
        (after, limit) => read((db) => listServices(db, { after, limit }), context),
        ({ name }) => name,
      );
      return { services: page.items.map(toServiceCredential), nextPageToken: page.nextPageToken };
    },
    async createService({ name, permissions }, context) {
      const made = await services.create(name, permissions, actorOf(context), context);
      return {
        service: toServiceCredential(made.service),
        apiKey: made.apiKey,
        revision: revisionOf(made.revision),
      };
    },
    async revokeService({ name }, context) {
      const { revision } = await services.revoke(name, actorOf(context), context);
      return { revision: revisionOf(revision) };
    },
  };
}
