/** Logouts at a steady rate. */
import { setTimeout as pause } from "node:timers/promises";
import { sharedMs } from "../verifiers/orders.ts";
import type { Served } from "../world/processes.ts";
import { logoutQuestion } from "../world/questions.ts";
import { createHttp2Client } from "./http2-client.ts";

/** So many may be waited for at once. */
const WORKERS = 200;

/** Logs out with each token in turn, at `rate` a second; when each was answered. */
export async function logOutAll(
  sallyport: Served,
  refreshTokens: readonly string[],
  rate: number,
): Promise<readonly number[]> {
  const question = logoutQuestion(refreshTokens);
  const client = createHttp2Client({ ...question, pid: sallyport.pid, port: sallyport.port }, WORKERS);
  const answeredAt: number[] = new Array(refreshTokens.length).fill(Number.NaN);
  const beganAt = sharedMs();
  const logOut = (worker: number, index: number, body: Uint8Array | null) =>
    new Promise<void>((resolve, reject) => {
      client.call(worker, body, (answer) => {
        answeredAt[index] = sharedMs();
        if (answer instanceof Error) reject(answer);
        else if (answer.grpcStatus === "0") resolve();
        else reject(new Error(`Logout answered ${answer.grpcStatus}`));
      });
    });
  const left = question.bodies.entries();
  // A server that cannot keep up is seen by the rate that came of it.
  const work = async (_: unknown, worker: number) => {
    for (const [index, body] of left) {
      const waitMs = beganAt + (index / rate) * 1000 - sharedMs();
      if (waitMs > 0) await pause(waitMs);
      await logOut(worker, index, body);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  client.close();
  return answeredAt;
}
