import type { Config } from "../config.ts";

/** What to do if the address cannot be listened on; any other error as it is. */
export function explainListening(error: unknown, { host, port }: Pick<Config, "host" | "port">): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const advice = typeof error.code === "string" ? ADVICE.get(error.code) : undefined;
  return advice === undefined ? error : new Error(`cannot listen on ${host} port ${port}: ${advice}`, { cause: error });
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "another process does; stop that one, or set SALLYPORT_PORT to another port (0 takes a free one)"],
  ["EACCES", "this user may not; set SALLYPORT_PORT to a port above 1023"],
  ["EADDRNOTAVAIL", "this machine has no such address; set SALLYPORT_HOST to one that it has"],
  ["EAI_AGAIN", "its name cannot be looked up; set SALLYPORT_HOST to an address of this machine"],
  ["ENOTFOUND", "there is no such host; set SALLYPORT_HOST to an address of this machine"],
]);
