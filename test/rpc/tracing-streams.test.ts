/** The span of a stream: as long as the stream, and its context in every step of the handler. */
import { status } from "@grpc/grpc-js";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { createTracing } from "../../src/rpc/trace.ts";
import { registerTracing, type TestTracing } from "../support/tracing.ts";
import { grpcClient, grpcServerStream } from "../support/wire-grpc.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const WATCH = "grpc.health.v1.Health/Watch";

let tracing: TestTracing;
beforeEach(() => {
  tracing = registerTracing();
});
afterEach(() => tracing.unregister());

/** A server whose readiness can be turned, with what span was active when the handler of `Watch` asked for it. */
async function startWatched() {
  let ready = true;
  let seen: (string | undefined)[] = [];
  const server = await startWireServer({
    interceptors: [createTracing()],
    isReady() {
      seen.push(trace.getActiveSpan()?.spanContext().spanId);
      return ready;
    },
    timeouts: { healthMs: 10 },
  });
  const watch = grpcServerStream(grpcClient(server.port), Health.method.watch, { service: "" });
  await until(() => watch.seen.length === 1, "the first status");
  return {
    server,
    watch,
    /** Turns readiness and waits until the client has heard; the spans that were active meanwhile. */
    async turn(): Promise<ReadonlySet<string | undefined>> {
      seen = [];
      ready = !ready;
      const told = watch.seen.length;
      await until(() => watch.seen.length > told, "another status");
      return new Set(seen);
    },
    seen: () => new Set(seen),
  };
}

it("A stream has its context in the handler, at the first message and at each that follows", async () => {
  const { watch, turn, seen } = await startWatched();
  const spans = [...seen(), ...(await turn()), ...(await turn())];
  watch.stream.cancel();
  const { spanId } = (await tracing.span(WATCH)).spanContext();
  expect(new Set(spans)).toEqual(new Set([spanId]));
  expect(spans).toHaveLength(3);
});

it("Two streams at once keep their contexts apart", async () => {
  const first = await startWatched();
  const second = await startWatched();
  const [one, two] = await Promise.all([first.turn(), second.turn()]);
  expect(one.size).toBe(1);
  expect(two.size).toBe(1);
  expect(one).not.toEqual(two);
});

it("A stream has no ended span while it goes on", async () => {
  const { turn } = await startWatched();
  await turn();
  expect(tracing.ended()).toEqual([]);
});

it("A stream that the client cancels ends its span once, as cancelled and without blame", async () => {
  const { watch } = await startWatched();
  watch.stream.cancel();
  await watch.ended;
  const span = await tracing.span(WATCH);
  expect(span.attributes).toMatchObject({ "rpc.system": "grpc", "rpc.grpc.status_code": status.CANCELLED });
  expect(span.status.code).toBe(SpanStatusCode.UNSET);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(tracing.ended()).toHaveLength(1);
});

it("A stream that the server ends because it stops ends its span as unavailable", async () => {
  const { server, watch } = await startWatched();
  const closed = server.server.close();
  expect(await watch.ended).toMatchObject({ code: status.UNAVAILABLE });
  await closed;
  const span = await tracing.span(WATCH);
  expect(span.attributes).toMatchObject({ "rpc.grpc.status_code": status.UNAVAILABLE, "error.type": "UNAVAILABLE" });
  expect(span.status.code).toBe(SpanStatusCode.ERROR);
});
