/** Asks `/forward-auth` as a proxy does. */
import type { IncomingHttpHeaders } from "node:http";
import type { TestApp } from "./app.ts";
import { ask1 } from "./wire-raw.ts";

/** What a proxy is answered. */
export type Answered = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body, read as JSON; `null` for none. */
  readonly told: Readonly<Record<string, unknown>> | null;
};

type Options = {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
  /** Over HTTP/1.1 unless stated. */
  readonly ask?: typeof ask1;
};

/** Asks with this query and this `authorization`; without the header if it is `null`. */
export async function askForward(
  { port }: Pick<TestApp, "port">,
  query: string,
  authorization: string | null,
  { headers = {}, ask = ask1, ...more }: Options = {},
): Promise<Answered> {
  const all = { ...headers, ...(authorization !== null && { authorization }) };
  const answer = await ask(port, { path: `/forward-auth${query === "" ? "" : `?${query}`}`, headers: all, ...more });
  const text = answer.body.toString();
  return { status: answer.status, headers: answer.headers, told: text === "" ? null : JSON.parse(text) };
}

/** The verdict, as `verdictOf` has that of `Authorize`; the status and the reason if there is none. */
export function forwardedVerdict({ status, told }: Answered): string {
  if (status === 200) return "GRANTED";
  const [reason, nextStep] = [told?.reason, told?.next_step].map(String);
  const denial = reason?.match(/^DENIAL_REASON_(.+)$/)?.[1];
  return denial === undefined ? `${status} ${reason}` : `${denial}, ${nextStep?.replace("NEXT_STEP_", "")}`;
}
