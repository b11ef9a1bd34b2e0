import { Refusal } from "../../errors.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { type PostgresFault, toFault } from "./fault.ts";

/** What to say of a server that cannot be had; any other error as it is. */
export function explainFault(error: unknown, name: string): unknown {
  if (error instanceof Refusal) return explainFault(error.cause, name);
  // What is our own word already is not explained again.
  if (!(error instanceof Error) || /^(Unusable|Occupied|Sealed)/.test(error.name)) return error;
  const fault = toFault(error);
  if (fault.kind === "fault" && fault.code === "") return error;
  return new UnusableDatabase(`${name} cannot be used: ${fault.message}; ${adviceFor(fault)}`, { cause: fault });
}

function adviceFor({ code, kind }: PostgresFault): string {
  if (code.startsWith("28")) return "give the right user and password in SALLYPORT_DATABASE_URL";
  if (code === "3D000") return "make the database, or name another in SALLYPORT_DATABASE_URL";
  if (code === "42501") return "let its user create tables there";
  if (code === "55P03") return "another process works on it: wait for that, or end it";
  if (kind === "outage") return "see what keeps the server, and start again";
  return "see whether the server runs, and whether SALLYPORT_DATABASE_URL leads to it";
}
