/**
 * What the contestants of a run share: a workshop to write into, the driver, one
 * server of ours on one data folder, and recordings of its answers.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writtenRecording } from "../contestants/part.ts";
import type { Answer } from "../driver/job.ts";
import { type Contents, type DataFolder, makeDataFolder } from "./data-folder.ts";
import { type Driver, startDriver } from "./driver-process.ts";
import { installInto } from "./installed.ts";
import { type Loop, startLoop } from "./loop-process.ts";
import { createMint, type Mint } from "./mint.ts";
import { type Installation, type Served, startContestant, startSallyport } from "./processes.ts";
import { authorizeQuestion, type Manner } from "./questions.ts";

/** What contestants are handed. */
export type World = {
  readonly workshop: string;
  readonly driver: Driver;
  /** Ours, and the folder that its server works on. */
  readonly installation: Installation;
  readonly folder: DataFolder;
  readonly mint: Mint;
  /** Our server; the same for all who ask. */
  readonly sallyport: Served;
  /** The file with our answer to a granted `Authorize`. */
  readonly recording: (manner: Manner) => Promise<string>;
  /** Starts a contestant of its own process, which ends with the world, or when the same is started anew. */
  readonly start: (file: string, args: readonly string[]) => Promise<Served>;
  /** Starts ours on the same folder, by a process that has done nothing yet; it ends as those of `start` do. */
  readonly startOurs: () => Promise<Served>;
  /** Starts a contestant that works by itself, which ends with the world. */
  readonly startLoop: (file: string, args: readonly string[]) => Promise<Loop>;
  /** Ends every process. The workshop goes when this one ends. */
  readonly end: () => Promise<void>;
};

/** Makes a {@link World}. */
export async function createWorld(contents: Contents): Promise<World> {
  const workshop = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
  process.on("exit", () => rmSync(workshop, { recursive: true, force: true }));
  const endings: (() => Promise<void>)[] = [];
  const end = async () => void (await Promise.all(endings.map((task) => task())));
  try {
    const folder = await makeDataFolder(workshop, "data", contents);
    const mint = createMint(folder);
    const entry = installInto(join(workshop, "package"));
    const installation = { entry, settings: folder.settings, logFile: join(workshop, "sallyport.log") };
    const sallyport = await startSallyport(installation);
    endings.push(sallyport.stop);
    const driver = startDriver();
    endings.push(driver.stop);
    const running = new Map<string, Served>();
    endings.push(async () => void (await Promise.all([...running.values()].map(({ stop }) => stop()))));
    const recordings = new Map<Manner, Promise<string>>();

    async function anew(name: string, startIt: () => Promise<Served>): Promise<Served> {
      await running.get(name)?.stop();
      const served = await startIt();
      running.set(name, served);
      return served;
    }

    async function record(manner: Manner): Promise<string> {
      const file = join(workshop, `${manner}.json`);
      const answer: Answer = await driver.ask(sallyport, authorizeQuestion(manner, mint.accessTokens(1)));
      writeFileSync(file, writtenRecording(answer));
      return file;
    }

    return {
      workshop,
      driver,
      installation,
      folder,
      mint,
      sallyport,
      recording(manner) {
        const known = recordings.get(manner) ?? record(manner);
        recordings.set(manner, known);
        return known;
      },
      start: (file, args) => anew([file, ...args].join(" "), () => startContestant(file, args)),
      startOurs: () => anew("ours", () => startSallyport(installation)),
      async startLoop(file, args) {
        const loop = await startLoop(file, args);
        endings.push(loop.stop);
        return loop;
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
