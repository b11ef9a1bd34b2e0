/** A disk that fills up under load, again and again: nothing is acknowledged that is not kept, and checks go on. */
import { setTimeout as pause } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuthorizeResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, signUp, welcome } from "../support/people.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { makeSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { watchAuthorize } from "./support/authorize-watch.ts";
import { createChance } from "./support/chance.ts";
import { createDiary, type Told, tally } from "./support/diary.ts";
import { outcomeOf } from "./support/outcome.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const FILLS = scaled({ full: 40, short: 3 });
const DEADLINE_MS = 10_000;
const SLACK_MS = scaled({ full: 1_000, short: 10_000 });
const GROUP = 20;
/** Room for what SQLite writes before it tidies up. */
const MEGABYTES = 32;

let disk: SmallDisk;
let service: ServerProcess;
beforeEach(async () => {
  disk = makeSmallDisk(MEGABYTES);
  service = await start();
});
afterEach(async () => {
  // What it has open keeps the disk.
  if (service.process.exitCode === null) await service.end("SIGKILL");
  disk.remove();
});

const start = () =>
  startServerProcess(
    {
      SALLYPORT_DATA_DIR: disk.folder,
      SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "3600",
      SALLYPORT_HASH_PERMITS: "8",
    },
    disk.under,
  );

async function restart(): Promise<void> {
  expect(await service.end("SIGTERM")).toEqual({ code: 0, signal: null });
  service = await start();
}

const isRefused = ({ outcome }: Told) => outcome.kind === "unknown";

describe("A disk that fills up", () => {
  it(
    "under load, makes writes UNAVAILABLE and nothing else wrong; with room all goes on, without a restart",
    async () => {
      const chance = createChance("disk-full");
      const { tokens } = await welcome(service, "watched");
      let watch = watchAuthorize(service.url, tokens.accessToken);
      let checks = 0;
      const stopWatching = async () => {
        await watch.stop();
        expect(watch.faults).toEqual([]);
        checks += watch.seen.length;
      };
      const diary = createDiary({ url: () => service.url, chance, people: 6, deadlineMs: DEADLINE_MS });
      for (let fill = 0; fill < FILLS; fill += 1) {
        const stop = diary.live();
        await pause(chance.between(50, 300));
        const from = diary.told.length;
        disk.fill(service.process.pid);
        // What was reserved before may still take some.
        await eventually(() => diary.told.slice(from).some(isRefused)).toBe(true);
        await pause(chance.between(0, 300));
        expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
        disk.free(service.process.pid);
        const until = diary.told.length;
        await eventually(() => diary.told.slice(until).some(({ outcome }) => outcome.kind === "done")).toBe(true);
        await stop();
        // What is found is found by whoever was there, or by whoever reads it from the disk.
        if (chance.fraction() < 0.3) {
          await stopWatching();
          await restart();
          watch = watchAuthorize(service.url, tokens.accessToken);
        }
        expect(await diary.contradictions()).toEqual([]);
      }
      await stopWatching();
      process.stdout.write(`disk-full: ${FILLS} times, ${JSON.stringify(tally(diary.told))}, ${checks} checks\n`);
      const others = ({ outcome }: Told) => outcome.kind === "unknown" && outcome.refusal.code !== "Unavailable";
      expect(diary.told.filter(others)).toEqual([]);
      expect(diary.told.filter(({ outcome }) => outcome.tookMs > DEADLINE_MS + SLACK_MS)).toEqual([]);
    },
    FAULT_TEST_MS,
  );

  it(
    "fails every logout of a group, and changes nothing that anybody knows",
    async () => {
      const people = [await welcome(service, "ada")];
      for (let more = 1; more < GROUP; more += 1) people.push(await logIn(service, "ada"));
      const auth = () => clientsOf(service.url).auth;
      const ask = () => Promise.all(people.map(({ tokens: { accessToken } }) => auth().authorize({ accessToken })));
      const told = (answers: readonly AuthorizeResponse[]) =>
        answers.map((answer) => [verdictOf(answer), Number(answer.revision?.number)]);
      const before = told(await ask());
      disk.fill(service.process.pid);
      await eventually(() => outcomeOf(signUp(service, crypto.randomUUID())).then(({ kind }) => kind)).toBe("unknown");
      const logouts = people.map(({ tokens: { refreshToken } }) => outcomeOf(auth().logout({ refreshToken })));
      const outcomes = await Promise.all(logouts);
      expect(outcomes.map(({ kind }) => kind)).toEqual(people.map(() => "unknown"));
      const after = await ask();
      expect(told(after)).toEqual(before);
      expect(Math.min(...after.map(({ asOf }) => (asOf ? timestampMs(asOf) : 0)))).toBeGreaterThan(Date.now() - 5_000);
      disk.free(service.process.pid);
      await restart();
      expect(told(await ask())).toEqual(before);
    },
    FAULT_TEST_MS,
  );
});
