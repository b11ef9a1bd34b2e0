/** The process of a contestant that works by itself, as a function. */
import { once } from "node:events";
import type { Sample, Window } from "../driver/job.ts";
import { end, startPart } from "./processes.ts";

/** A contestant that works by itself. */
export type Loop = { readonly measure: (window: Window) => Promise<Sample>; readonly stop: () => Promise<void> };

/** Starts one and waits until it is ready. */
export async function startLoop(file: string, args: readonly string[]): Promise<Loop> {
  const child = startPart(file, args);
  const ended = once(child, "exit").then(() => {
    throw new Error(`${file} ended before it was done`);
  });
  ended.catch(() => {});
  await Promise.race([once(child, "message"), ended]);
  return {
    async measure(window) {
      const answer = once(child, "message");
      child.send(window);
      const [sample] = await Promise.race([answer, ended]);
      return sample;
    },
    stop: () => end(child),
  };
}
