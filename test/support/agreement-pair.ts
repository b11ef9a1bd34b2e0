/** Two servers that differ in one thing: what runs unary calls. */
import { afterAll, beforeAll, expect } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { createServer } from "../../src/server/server.ts";
import { type Received, readAnswer, type Told } from "./agreement-answer.ts";
import { openSession, type Sending, send } from "./agreement-send.ts";
import { agreementChain, agreementRoutes, type Seen } from "./agreement-service.ts";
import { until } from "./wire-server.ts";

/** One of the two. */
type Side = {
  readonly port: number;
  readonly session: Awaited<ReturnType<typeof openSession>>;
  readonly calls: Seen[];
  /** The signals of those calls. */
  readonly signals: AbortSignal[];
  readonly lines: Record<string, unknown>[];
  readonly close: () => Promise<void>;
};

/** What became of a request: the answer, what the handler saw, and what the log says. */
export type Outcome = Told & {
  readonly seen: readonly Seen[];
  readonly log: Record<string, unknown> | null;
};

type Pair = { lean: Side; library: Side };

/** An origin that may call. */
export const ORIGIN = "https://app.example";

async function startSide(unaryBy: "lean" | "library"): Promise<Side> {
  const calls: Seen[] = [];
  const signals: AbortSignal[] = [];
  const lines: Record<string, unknown>[] = [];
  const server = createServer({
    config: { host: "127.0.0.1", port: 0, allowedOrigins: [ORIGIN], shutdownDelayMs: 0, issuer: "https://a.example" },
    tlsFiles: null,
    log: createLog({ level: "debug", destination: { write: (line) => void lines.push(JSON.parse(line)) } }),
    clock: systemClock,
    random: systemRandom,
    version: "1.2.3",
    routes: agreementRoutes({ calls, signals }),
    interceptors: agreementChain,
    services: [AuthService],
    jwks: () => ({ keys: [] }),
    isReady: () => true,
    unaryBy,
    timeouts: { lingerMs: 30, shutdownMs: 500 },
  });
  const { port } = await server.listen();
  const session = await openSession(port);
  return {
    port,
    session,
    calls,
    signals,
    lines,
    async close() {
      session.destroy();
      await server.close();
    },
  };
}

/** Starts the two before the tests of a file, and stops them after. */
export function usePair() {
  const pair: Partial<Pair> = {};
  beforeAll(async () => {
    pair.lean = await startSide("lean");
    pair.library = await startSide("library");
  });
  afterAll(async () => {
    await Promise.all([pair.lean?.close(), pair.library?.close()]);
  });

  function sides(): Pair {
    const { lean, library } = pair;
    if (!lean || !library) throw new Error("the servers are not there yet");
    return { lean, library };
  }

  /** Sends the same to both, and returns what became of it at each. */
  async function both(sending: Sending): Promise<{ lean: Outcome; library: Outcome }> {
    const { lean, library } = sides();
    const [ofLean, ofLibrary] = await Promise.all([outcomeAt(lean, sending), outcomeAt(library, sending)]);
    return { lean: ofLean, library: ofLibrary };
  }

  /** Expects the same of both, and returns it. */
  async function agreed(sending: Sending): Promise<Outcome> {
    const { lean, library } = await both(sending);
    expect(lean).toEqual(library);
    return lean;
  }

  /** Expects the same of both. */
  async function agree(sending: Sending): Promise<void> {
    await agreed(sending);
  }

  return { sides, both, agreed, agree };
}

async function outcomeAt(side: Side, sending: Sending): Promise<Outcome> {
  const [callsBefore, linesBefore] = [side.calls.length, side.lines.length];
  const isAtWork = () => side.calls.length > callsBefore;
  const received = await send(side, sending, isAtWork);
  const line = await lineOf(side, received, sending, linesBefore);
  const seen = side.calls.slice(callsBefore);
  if (sending.ending === "cancel at work") await until(() => seen[0]?.abortedWith, "the handler to hear of it");
  return { ...readAnswer(received), seen, log: line && logged(line) };
}

/** The line of the request; a request that Node itself refuses has none. */
async function lineOf(side: Side, received: Received, sending: Sending, linesBefore: number) {
  const id = received.headers["x-request-id"];
  if (id === undefined && !sending.isLogged) return null;
  return until(
    () => side.lines.slice(linesBefore).find((line) => id === undefined || line.id === id),
    `the log line of ${id ?? "a request without an answer"}`,
  );
}

function logged({ event, level, rpc, protocol, code, reason, subject, path, status, cause }: Record<string, unknown>) {
  return { event, level, rpc, protocol, code, reason, subject, path, status, hasCause: cause !== undefined };
}
