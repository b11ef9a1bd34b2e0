/** How long a start takes on a database that exists, and what an idle process holds. */
import { setTimeout as pause } from "node:timers/promises";
import { residentBytes } from "../driver/cpu-time.ts";
import { medianOf } from "../statistics.ts";
import { startSallyport } from "../world/processes.ts";
import { authorizeQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const STARTS = 3;
/** So long a process is left alone before it counts as idle, in milliseconds. */
const IDLE_MS = 1000;

/** Time from the start of the process to its first answer, and memory of a process that does nothing more. */
export async function findStarts(world: World): Promise<Finding[]> {
  const startMs = (starts: readonly Start[]) => medianOf(starts.map((start) => start.startMs));
  const idleMB = (starts: readonly Start[]) => medianOf(starts.map((start) => start.idleMB));
  const starts = await startOften(world);
  return [
    {
      what: "process start to first answer",
      value: startMs(starts),
      unit: "ms",
      reach: 1000,
      aim: 400,
      better: "less",
      again: async () => startMs(await startOften(world)),
    },
    {
      what: "idle process",
      value: idleMB(starts),
      unit: "MB",
      reach: 150,
      aim: 100,
      better: "less",
      again: async () => idleMB(await startOften(world)),
    },
  ];
}

/** Memory of the process that has answered everything in this run. */
export function findLoadedMemory({ sallyport }: World): Finding {
  const again = async () => residentBytes(sallyport.pid) / 1e6;
  const value = residentBytes(sallyport.pid) / 1e6;
  return { what: "loaded process", value, unit: "MB", reach: null, aim: null, better: "less", again };
}

type Start = { readonly startMs: number; readonly idleMB: number };

async function startOften(world: World): Promise<Start[]> {
  const starts: Start[] = [];
  for (let count = 0; count < STARTS; count += 1) starts.push(await startOnce(world));
  return starts;
}

async function startOnce({ installation, driver, mint }: World): Promise<Start> {
  const question = authorizeQuestion("grpc", mint.accessTokens(1));
  const beganAt = performance.now();
  const served = await startSallyport(installation);
  await driver.ask(served, question);
  const startMs = performance.now() - beganAt;
  await pause(IDLE_MS);
  const idleMB = residentBytes(served.pid) / 1e6;
  await served.stop();
  return { startMs, idleMB };
}
