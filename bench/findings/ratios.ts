/** The figures that compare two contestants. */
import { type Entered, type Renewal, type Result, runRounds, type Schedule } from "../rounds.ts";
import { ratioOf } from "../statistics.ts";
import type { Finding } from "./finding.ts";

/** How much the first does for a second of CPU, over the second. */
type Ratio = Pick<Finding, "what" | "reach" | "aim"> & { readonly of: string; readonly over: string };

const RATIOS: readonly Ratio[] = [
  { what: "check, gRPC / raw node:http2", of: "ours-grpc", over: "raw-http2", reach: 0.6, aim: 0.85 },
  { what: "check, gRPC / bare grpc-js", of: "ours-grpc", over: "grpc-js", reach: 1.1, aim: 1.5 },
  { what: "check, gRPC / bare Connect adapter", of: "ours-grpc", over: "connect", reach: 4, aim: 6 },
  { what: "check, JSON / raw node:http", of: "ours-json", over: "raw-http", reach: 0.5, aim: 0.75 },
  { what: "tokens never seen / bare verifications", of: "ours-first-seen", over: "bare-verify", reach: 0.4, aim: 0.6 },
  { what: "login / bare argon2", of: "ours-login", over: "bare-argon2", reach: 0.9, aim: 0.97 },
  { what: "refresh / its bare parts", of: "ours-refresh", over: "bare-refresh", reach: 0.4, aim: 0.65 },
  { what: "check, gRPC / better-auth's session check", of: "ours-grpc", over: "better-auth", reach: 5, aim: 15 },
  { what: "check, gRPC / Fastify with jsonwebtoken", of: "ours-grpc", over: "fastify-jwt", reach: null, aim: null },
  { what: "login / better-auth's sign-in", of: "ours-login", over: "better-auth-sign-in", reach: null, aim: null },
];

/** The ratios between contestants that were measured. */
export function findRatios(
  results: readonly Result[],
  entered: readonly Entered[],
  schedule: Schedule,
  renewal: Renewal | null,
): Finding[] {
  return RATIOS.flatMap(({ what, of, over, reach, aim }): Finding[] => {
    const value = ratioBetween(results, of, over);
    if (value === null) return [];
    const both = entered.filter(({ contestant: { name } }) => name === of || name === over);
    const again = async () => ratioBetween(await runRounds(both, schedule, renewal), of, over) ?? Number.NaN;
    return [{ what, value, unit: "ratio", reach, aim, better: "more", again }];
  });
}

function ratioBetween(results: readonly Result[], of: string, over: string): number | null {
  const samplesOf = (name: string) => results.find(({ contestant }) => contestant.name === name)?.samples;
  const [upper, lower] = [samplesOf(of), samplesOf(over)];
  return upper === undefined || lower === undefined ? null : ratioOf(upper, lower);
}
