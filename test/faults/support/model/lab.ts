/** Two instances on a database whose time can be moved, and what works beside them. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { openCore } from "../../../../src/core.ts";
import { systemRandom } from "../../../../src/lib/random.ts";
import { createLog } from "../../../../src/log.ts";
import { logPosition } from "../../../../src/store/queries/revocations.ts";
import { startApp, type TestApp, temporaryFolder } from "../../../support/app.ts";
import { type Clients, clientsOf } from "../../../support/clients.ts";
import { createFakeClock, type WrongClock } from "../../../support/fake-clock.ts";
import type { Engine } from "../../../support/two-apps.ts";
import { makeTimedPlace } from "../timed-place.ts";
import { at, TIMES } from "./world.ts";

const SETTINGS = {
  SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: String(TIMES.access / 1000),
  SALLYPORT_REFRESH_IDLE_TTL_SECONDS: String(TIMES.idle / 1000),
  SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: String(TIMES.absolute / 1000),
  SALLYPORT_REFRESH_GRACE_SECONDS: String(TIMES.grace / 1000),
};

/** Two instances, and a core beside them as commands have it. */
export type Lab = {
  readonly clock: WrongClock;
  readonly core: Awaited<ReturnType<typeof openCore>>;
  readonly issuer: string;
  /** Clients of an instance, with a credential or without. */
  readonly clients: (instance: number, credential?: string) => Clients;
  /** The API key of a service that may do everything. */
  readonly apiKey: string;
  /** Lets time pass for everybody, the database too. */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** Ends the instance in good order, and starts it again. */
  readonly restart: (instance: number) => Promise<void>;
  /** Resolves when the instance knows all that is in the database now. */
  readonly upToDate: (instance: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Starts two instances on an empty database, at a whole second. */
export async function startLab(engine: Engine): Promise<Lab> {
  const clock = createFakeClock();
  const place = engine === "PostgreSQL" ? await makeTimedPlace(clock.now()) : null;
  const own = place && {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_DATABASE_CONNECTIONS: "3",
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
  };
  const dataDir = temporaryFolder();
  const start = () => startApp({ clock, settings: { ...SETTINGS, ...own }, dataDir });
  const apps: TestApp[] = [await start(), await start()];
  const appAt = (instance: number) => at(apps, instance);
  const { config } = appAt(0);
  const { uptimeMs } = clock;
  const core = await openCore({ config, log: createLog({ level: "silent" }), clock, uptimeMs, random: systemRandom });
  const { apiKey } = await core.services.create("operator", ["*"], null);

  return {
    clock,
    core,
    issuer: config.issuer,
    apiKey,
    clients: (instance, credential = "") => clientsOf(appAt(instance).url, credential),
    async pass(milliseconds) {
      clock.advance(milliseconds);
      await place?.setTime(clock.now());
    },
    async restart(instance) {
      await appAt(instance).close();
      apps[instance] = await start();
    },
    async upToDate(instance) {
      const position = await core.store.read(logPosition);
      const number = BigInt(position?.revision ?? 0);
      const minRevision = { logId: position?.log_id ?? "", number };
      await clientsOf(appAt(instance).url).auth.authorize({ accessToken: "", minRevision });
    },
    async close() {
      await core.close();
      for (const app of apps) await app.close();
      rmSync(dataDir, { recursive: true, force: true });
      await place?.remove();
    },
  };
}
