/**
 * What every store engine must do: the same tests for each, over the contract in
 * src/store/store.ts and all queries on it. A new engine states how one of its
 * databases is made, opened and removed, and passes.
 */
import { describe } from "vitest";
import { describeAudit } from "./conformance/audit.ts";
import { describeCommits } from "./conformance/commits.ts";
import { createDatabases, type TestDatabase } from "./conformance/databases.ts";
import { describeKeys } from "./conformance/keys.ts";
import { describeOpening } from "./conformance/opening.ts";
import { describeReadsAndWrites } from "./conformance/reads-and-writes.ts";
import { describeRevocations } from "./conformance/revocations.ts";
import { describeRoles } from "./conformance/roles.ts";
import { describeServices } from "./conformance/services.ts";
import { describeSessions } from "./conformance/sessions.ts";
import { describeUsers } from "./conformance/users.ts";

/** Runs the suite on an engine; `make` makes a database that nobody else uses and that is still empty. */
export function describeStore(name: string, make: () => Promise<TestDatabase>): void {
  const databases = createDatabases(make);
  describe(`A store on ${name}`, () => {
    describeOpening(databases);
    describeReadsAndWrites(databases);
    describeCommits(databases);
    describeUsers(databases);
    describeRoles(databases);
    describeSessions(databases);
    describeRevocations(databases);
    describeKeys(databases);
    describeServices(databases);
    describeAudit(databases);
  });
}
