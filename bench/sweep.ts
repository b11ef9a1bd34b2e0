import { type Entered, type Result, runRounds, type Schedule } from "./rounds.ts";

/** Beside the concurrency of the run itself. */
const CONCURRENCIES = [1, 128];
const ROUNDS = 3;
/** Those that answer checks, or do as if. */
const SWEPT = /^(connect|grpc-js|raw-.*|ours-(grpc|connect|json|grpc-web)|better-auth|fastify-jwt)$/;

/** Measures whoever answers checks at other concurrencies. */
export async function sweep(
  entered: readonly Entered[],
  { window }: Schedule,
): Promise<{ readonly schedule: Schedule; readonly results: Result[] }[]> {
  const swept = entered.filter(({ contestant }) => SWEPT.test(contestant.name));
  const parts = [];
  for (const concurrency of CONCURRENCIES) {
    const schedule = { rounds: ROUNDS, window: { ...window, concurrency } };
    parts.push({ schedule, results: await runRounds(swept, schedule) });
  }
  return parts;
}
