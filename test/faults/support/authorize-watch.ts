/** Somebody who asks for the same live token all the time, and notes what is said. */
import { setTimeout as pause } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { clientsOf } from "../../support/clients.ts";
import { verdictOf } from "../../support/decisions.ts";

/** An answer: when it was asked for, when it came, and from when its knowledge is. Milliseconds since 1970. */
export type Seen = { readonly askedAt: number; readonly answeredAt: number; readonly asOf: number };

/** Time between an answer and the next question, in milliseconds. */
const PAUSE_MS = 20;
/** An answer in that time is no harm to whoever waits for it, in milliseconds; the tests share the machine. */
const LONGEST_MS = 3_000;

/** Asks from now on; whatever is not the answer of a service that is well is a fault. */
export function watchAuthorize(url: string, accessToken: string) {
  const seen: Seen[] = [];
  const faults: string[] = [];
  const { auth } = clientsOf(url);
  let isOver = false;

  async function look(): Promise<void> {
    const askedAt = Date.now();
    try {
      const answer = await auth.authorize({ accessToken }, { timeoutMs: LONGEST_MS });
      const asOf = answer.asOf === undefined ? 0 : timestampMs(answer.asOf);
      seen.push({ askedAt, answeredAt: Date.now(), asOf });
      if (verdictOf(answer) !== "GRANTED") faults.push(`denied: ${verdictOf(answer)}`);
      if (asOf > Date.now()) faults.push(`knows the future: ${asOf - Date.now()} ms`);
    } catch (error) {
      faults.push(String(error));
    }
  }

  const ended = (async () => {
    while (!isOver) {
      await look();
      await pause(PAUSE_MS);
    }
  })();

  return {
    faults,
    seen,
    /** The answers that were asked for and came in that time. */
    between: (from: number, to: number) =>
      seen.filter(({ askedAt, answeredAt }) => askedAt >= from && answeredAt <= to),
    async stop() {
      isOver = true;
      await ended;
    },
  };
}
