/** What every contestant that answers from a recording has in common. */
import { readFileSync } from "node:fs";

/** The RPC that is compared. */
export const AUTHORIZE_PATH = "/sallyport.auth.v1.AuthService/Authorize";

/** An answer of ours, to be given again by those who do nothing but answer. */
export type Recording = {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly trailers: Record<string, string>;
};

/** Fields that Node writes by itself, or that belong to one connection. */
const NOT_REPLAYED = new Set([":status", "date", "connection", "keep-alive", "transfer-encoding"]);

/** The recording as it goes into a file. */
export function writtenRecording(answer: { headers: object; trailers: object; body: Buffer }): string {
  const { headers, trailers, body } = answer;
  return JSON.stringify({ headers, trailers, body: body.toString("base64") });
}

/** The recording in the file that the first argument names. */
export function readRecording(): Recording {
  const { headers, trailers, body } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
  return { headers: replayed(headers), trailers: replayed(trailers), body: Buffer.from(body, "base64") };
}

function replayed(fields: object): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !NOT_REPLAYED.has(name)));
}

/** Tells whoever started this process where it listens, and what else there is to know. Ends with it. */
export function tellPort(address: unknown, facts: Readonly<Record<string, string>> = {}): void {
  if (typeof address !== "object" || address === null || !("port" in address)) throw new Error("it does not listen");
  process.on("disconnect", () => process.exit());
  process.send?.({ port: address.port, facts });
}
