/** Writes what the library's handlers answer. */
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Answered, Exchange } from "./exchange.ts";
import type { ResponseSink } from "./wire.ts";

/**
 * Writes an answer as the client takes it, message by message.
 *
 * The library's own writer waits for `drain` alone: a client that goes away
 * while it owes one leaves the service's stream suspended for ever, and what it
 * holds is never given back. This one stops with the connection.
 * @returns what was answered, or `null` if the client went away first.
 */
export async function respond(
  answer: UniversalServerResponse,
  response: ResponseSink,
  exchange: Exchange,
): Promise<Answered | null> {
  const body = answer.body?.[Symbol.asyncIterator]();
  try {
    // Headers go out after the first message: until then the service may still set some.
    let next = await body?.next();
    if (exchange.over) return null;
    response.writeHead(answer.status, plain(answer.header));
    let last: Uint8Array | null = null;
    while (next && !next.done) {
      last = next.value;
      if (!response.write(last)) await takesMore(response, exchange);
      next = exchange.over ? undefined : await body?.next();
      if (exchange.over) return null;
    }
    if (answer.trailer) response.addTrailers(plain(answer.trailer));
    response.end();
    return { status: answer.status, header: answer.header ?? null, trailer: answer.trailer ?? null, last };
  } finally {
    // Tells a service that is not at its end that nobody listens any more.
    body?.return?.().catch(() => {});
  }
}

/** Resolves when the client has taken what was written, or is gone. */
function takesMore(response: ResponseSink, exchange: Exchange): Promise<void> {
  return new Promise((resolve) => {
    const proceed = () => {
      response.off("drain", proceed);
      exchange.onOver = () => {};
      resolve();
    };
    if (exchange.over) return resolve();
    response.once("drain", proceed);
    exchange.onOver = proceed;
  });
}

function plain(headers: Headers | undefined): Record<string, string> {
  return headers ? Object.fromEntries(headers) : {};
}
