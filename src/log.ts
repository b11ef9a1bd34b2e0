/**
 * Where everything that is said goes: one JSON object a line on standard error,
 * pretty on a terminal. What is logged is chosen field by field by the caller;
 * whole messages, requests and headers never are.
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import pretty from "pino-pretty";

/** Says things to the operator. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

type LogOptions = {
  readonly level: string;
  /** Standard error unless given. */
  readonly destination?: DestinationStream;
};

/** A log at `level` and above. */
export function createLog({ level, destination }: LogOptions): Log {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    errorKey: "error",
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination ?? standardError());
}

function standardError(): DestinationStream {
  if (process.stderr.isTTY) return pretty({ destination: 2, colorize: true, sync: true });
  return pino.destination({ dest: 2, sync: true });
}
