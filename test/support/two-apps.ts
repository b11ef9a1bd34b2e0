/** Two instances on one database. */
import { startApp, type TestApp } from "./app.ts";
import { clientsOf } from "./clients.ts";
import { verdictOf } from "./decisions.ts";

/** Two instances on one database, with one clock. */
export type TwoApps = { readonly first: TestApp; readonly second: TestApp; readonly close: () => Promise<void> };

/** Starts an instance, and a second one on its database. Close them when the test is done. */
export async function startTwoApps(): Promise<TwoApps> {
  const first = await startApp();
  const second = await startApp({ dataDir: first.dataDir, clock: first.clock });
  return {
    first,
    second,
    async close() {
      await second.close();
      await first.close();
    },
  };
}

/** What an instance decides about a token now. */
export async function verdictAt(app: TestApp, accessToken: string, allPermissions: string[] = []): Promise<string> {
  return verdictOf(await clientsOf(app.url).auth.authorize({ accessToken, allPermissions }));
}
