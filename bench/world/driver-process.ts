/** The driver's process, as a function. */
import { truncateSync } from "node:fs";
import type { Order, Report } from "../driver/driver.ts";
import type { Answer, Sample, Window } from "../driver/job.ts";
import { end, type Served, startPart } from "./processes.ts";
import type { Question } from "./questions.ts";

/** Asks servers, from a process of its own. Every function throws if an answer is not what was hoped for. */
export type Driver = {
  readonly measure: (served: Served, question: Question, window: Window) => Promise<Sample>;
  readonly ask: (served: Served, question: Question) => Promise<Answer>;
  readonly stop: () => Promise<void>;
};

/** Starts a {@link Driver}. */
export function startDriver(): Driver {
  const child = startPart("driver/driver.ts");
  const waiting = new Map<number, (report: Report) => void>();
  let orders = 0;

  child.on("message", (report: Report) => {
    waiting.get(report.id)?.(report);
    waiting.delete(report.id);
  });
  child.once("exit", () => {
    for (const [id, tell] of waiting) tell({ id, failure: "the driver ended" });
  });

  async function order({ pid, port }: Served, question: Question, window: Window | null): Promise<Report> {
    orders += 1;
    const id = orders;
    const report = new Promise<Report>((resolve) => waiting.set(id, resolve));
    child.send({ id, target: { pid, port, ...question }, window } satisfies Order);
    return report;
  }

  return {
    async measure(served, question, window) {
      // As where logs are rotated: a virtual machine charges for each page of memory that it never used before.
      if (served.logFile !== null) truncateSync(served.logFile);
      const report = await order(served, question, window);
      if ("sample" in report) return report.sample;
      throw new Error("failure" in report ? report.failure : "the driver did not measure");
    },
    async ask(served, question) {
      const report = await order(served, question, null);
      // A buffer crosses as plain bytes.
      if ("answer" in report) return { ...report.answer, body: Buffer.from(report.answer.body) };
      throw new Error("failure" in report ? report.failure : "the driver did not ask");
    },
    stop: () => end(child),
  };
}
