/** A span for every call, with what it is called, whose child it is and how it ended. */
import { Code, ConnectError, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { createTracing } from "../../src/rpc/trace.ts";
import { startApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { registerTracing, type TestTracing } from "../support/tracing.ts";
import { grpcClient, grpcUnary } from "../support/wire-grpc.ts";
import { startWireServer } from "../support/wire-server.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;
const AUTHORIZE = "sallyport.auth.v1.AuthService/Authorize";

let tracing: TestTracing;
beforeEach(() => {
  tracing = registerTracing();
});
afterEach(() => tracing.unregister());

/** A server whose `Authorize` does this. */
const startServer = (work?: (context: HandlerContext) => Promise<void>) =>
  startWireServer({ interceptors: [createTracing()], ...(work && { work }) });

/** Calls `Authorize` over Connect with these headers; the HTTP status. */
async function authorize(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body: "{}" };
  return (await fetch(`${url}/${AUTHORIZE}`, init)).status;
}

describe("A unary call", () => {
  it("over Connect is a server span under its full name, without an error code when all is well", async () => {
    const { url, calls } = await startServer();
    await authorize(url);
    const span = await tracing.span(AUTHORIZE);
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toEqual({
      "rpc.system": "connect_rpc",
      "rpc.service": "sallyport.auth.v1.AuthService",
      "rpc.method": "Authorize",
      "sallyport.request_id": calls[0]?.call.id,
    });
  });

  it.each(WIRE_FORMS.filter(({ name }) => name.startsWith("gRPC")))(
    "over $name carries the status of gRPC",
    async ({ transport }) => {
      const { url } = await startServer();
      await clientsOf(url, "", transport).auth.authorize({});
      const { attributes } = await tracing.span(AUTHORIZE);
      expect(attributes).toMatchObject({ "rpc.system": "grpc", "rpc.grpc.status_code": 0 });
      expect(attributes).not.toHaveProperty("rpc.connect_rpc.error_code");
    },
  );

  it("has the context of its span in the handler, before and after what it waits for", async () => {
    const seen: (string | undefined)[] = [];
    const note = () => void seen.push(trace.getActiveSpan()?.spanContext().spanId);
    const { url } = await startServer(async () => {
      note();
      await new Promise((resolve) => setTimeout(resolve, 5));
      note();
    });
    await authorize(url);
    const { spanId } = (await tracing.span(AUTHORIZE)).spanContext();
    expect(seen).toEqual([spanId, spanId]);
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it("that the client got wrong has the code and is no error of the server", async () => {
    const { port } = await startServer();
    await grpcUnary(grpcClient(port), AuthService.method.logout, {});
    const span = await tracing.span("sallyport.auth.v1.AuthService/Logout");
    expect(span.attributes["rpc.grpc.status_code"]).toBe(Code.NotFound);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).not.toHaveProperty("error.type");
  });

  it("that failed here is an error, of which neither message nor stack is told", async () => {
    const { url } = await startServer(() => Promise.reject(new ConnectError("sesame", Code.Internal)));
    expect(await authorize(url)).toBe(500);
    const span = await tracing.span(AUTHORIZE);
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes).toMatchObject({ "rpc.connect_rpc.error_code": "internal", "error.type": "INTERNAL" });
    expect(span.events).toEqual([]);
    expect(JSON.stringify([span.attributes, span.status])).not.toContain("sesame");
  });

  it("that the real chain refuses has the code that the client got, and our reason", async () => {
    const app = await startApp();
    await refusalOf(clientsOf(app.url).account.getAccount({}));
    const { attributes } = await tracing.span("sallyport.auth.v1.AccountService/GetAccount");
    await app.close();
    expect(attributes).toMatchObject({
      "rpc.connect_rpc.error_code": "unauthenticated",
      "sallyport.reason": "TOKEN_MISSING",
    });
  });
});

describe("The parent of a span", () => {
  it("is the one in traceparent", async () => {
    const { url } = await startServer();
    await authorize(url, { traceparent: TRACEPARENT });
    const span = await tracing.span(AUTHORIZE);
    expect(span.spanContext().traceId).toBe(TRACE_ID);
    expect(span.parentSpanContext?.spanId).toBe(PARENT_ID);
  });

  it.each(["", "nonsense", `00-${"0".repeat(32)}-${PARENT_ID}-01`])("is nobody if traceparent is %j", async (text) => {
    const { url } = await startServer();
    expect(await authorize(url, { traceparent: text })).toBe(200);
    expect((await tracing.span(AUTHORIZE)).spanContext().traceId).not.toMatch(/^0+$/);
    expect(tracing.ended()[0]?.parentSpanContext?.spanId).toBeUndefined();
  });

  it("is the span of the HTTP server where one is active already, whatever the client says", async () => {
    const outer = trace.getTracer("test").startSpan("HTTP");
    const instrumented: Interceptor = (next) => (request) =>
      context.with(trace.setSpan(context.active(), outer), () => next(request));
    const { url } = await startWireServer({ interceptors: [instrumented, createTracing()] });
    await authorize(url, { traceparent: TRACEPARENT });
    expect((await tracing.span(AUTHORIZE)).parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
  });

  it("is carried along even where the sampler keeps nothing", async () => {
    tracing.unregister();
    tracing = registerTracing(new AlwaysOffSampler());
    const seen: (string | undefined)[] = [];
    const { url } = await startServer(async () => void seen.push(trace.getActiveSpan()?.spanContext().traceId));
    await authorize(url, { traceparent: TRACEPARENT });
    expect(seen).toEqual([TRACE_ID]);
    expect(tracing.ended()).toEqual([]);
  });
});

describe("Without an SDK", () => {
  beforeEach(() => tracing.unregister());

  it("calls have no span and no context, and what clients say of theirs is not read", async () => {
    const seen: unknown[] = [];
    const { url } = await startServer(async () => void seen.push(trace.getActiveSpan()));
    expect(await authorize(url, { traceparent: TRACEPARENT })).toBe(200);
    expect(seen).toEqual([undefined]);
    expect(tracing.ended()).toEqual([]);
  });

  it("one that is registered later is used from then on", async () => {
    const app = await startApp();
    await signUp(app, "ada");
    tracing = registerTracing();
    await signUp(app, "bob");
    await tracing.span("sallyport.auth.v1.AuthService/Signup");
    await app.close();
    expect(tracing.ended()).toHaveLength(1);
  });
});
