import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, type StringValue } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  callerOf,
  createGuard,
  type GuardOptions,
  principalOf,
  readServices,
  type ServerCall,
  signalOf,
} from "../../src/verifier/grpc/guard.ts";
import { type BenchVerifier, createBenchVerifier } from "../support/bench-verifier.ts";
import { STALENESS_BOUND_MS } from "../support/check-bench.ts";
import { eventually } from "../support/eventually.ts";
import { callShop, detailsOf, serveHandlers } from "../support/grpc-shop.ts";
import { Shop, shopFile } from "../support/guarded-shop.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers } from "../support/shop-handlers.ts";
import { message, serveGrpc } from "../support/shop-servers.ts";
import { ask2, envelope } from "../support/wire-raw.ts";

/** Lets a client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };
const KINDS = ["buy", "follow", "upload", "haggle"] as const;
const { UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE, DEADLINE_EXCEEDED, UNKNOWN, OK } = grpc.status;

let bench: Awaited<ReturnType<typeof createShopBench>>;
let verifier: BenchVerifier;
let options: GuardOptions;

beforeEach(async () => {
  bench = await createShopBench();
  verifier = createBenchVerifier(bench);
  options = { verifier, services: [Shop] };
});

/** A server whose every handler answers with what `tell` says of its call. */
function serveTelling(tell: (call: ServerCall) => string, ...interceptors: grpc.ServerInterceptor[]) {
  const unary: grpc.handleUnaryCall<StringValue, StringValue> = (call, answer) => answer(null, message(tell(call)));
  const follow: grpc.handleServerStreamingCall<StringValue, StringValue> = (call) => {
    call.write(message(tell(call)));
    call.end();
  };
  const upload: grpc.handleClientStreamingCall<StringValue, StringValue> = (call, answer) => {
    call.on("data", () => {});
    call.on("end", () => answer(null, message(tell(call))));
  };
  const haggle: grpc.handleBidiStreamingCall<StringValue, StringValue> = (call) => {
    call.write(message(tell(call)));
    call.on("data", () => {});
    call.on("end", () => call.end());
  };
  return serveHandlers(interceptors, { buy: unary, browse: unary, follow, upload, haggle });
}

describe.each(KINDS)("A guard before %s on a grpc-js server", (kind) => {
  it("tells the stock client the code, the words, and the details", async () => {
    const handlers = createShopHandlers();
    const call = callShop(await serveGrpc(options, handlers), kind, "");
    call.send("a message");
    call.finish();
    const { status, got } = await call.ended;
    expect(status).toMatchObject({ code: UNAUTHENTICATED, details: "send an access token in authorization" });
    expect(detailsOf(status)).toEqual({
      code: UNAUTHENTICATED,
      reason: "ERROR_REASON_TOKEN_MISSING",
      domain: "sallyport",
      next_step: "NEXT_STEP_LOG_IN",
      retry: undefined,
    });
    expect([got, handlers.seen, handlers.read]).toEqual([[], [], []]);
  });

  it("tells it that nobody can tell, and when to try again", async () => {
    const port = await serveGrpc(options, createShopHandlers());
    const token = await bench.issue({ roles: ["clerk"] });
    bench.clock.advance(STALENESS_BOUND_MS + 1);
    const { status } = await callShop(port, kind, token).ended;
    expect(status.code).toBe(UNAVAILABLE);
    expect(detailsOf(status)).toMatchObject({ reason: "ERROR_REASON_TOO_STALE", retry: 1n });
  });

  it("shows the handler who calls", async () => {
    const port = await serveTelling((call) => principalOf(call).userId, createGuard(options));
    const call = callShop(port, kind, await bench.issue({ userId: "usr_ada", roles: ["clerk"] }));
    call.finish();
    expect(await call.ended).toMatchObject({ status: { code: OK }, got: ["usr_ada"] });
  });

  it("is missed by a handler that asks who calls", async () => {
    const told: unknown[] = [];
    const tell = (call: ServerCall) => {
      for (const ask of [principalOf, callerOf, signalOf]) {
        try {
          ask(call);
        } catch (error) {
          told.push(error);
        }
      }
      return "";
    };
    const call = callShop(await serveTelling(tell), kind, await bench.issue());
    call.finish();
    await call.ended;
    expect(told.map(String)).toEqual(Array(3).fill(expect.stringContaining("the call went through no guard")));
  });
});

describe("A guard on a grpc-js server", () => {
  it("gives a handler that insists on somebody an error where anyone may call", async () => {
    const told: unknown[] = [];
    const tell = (call: ServerCall) => {
      told.push(callerOf(call));
      expect(() => principalOf(call)).toThrow("nobody is signed in");
      return "served";
    };
    const { got } = await callShop(await serveTelling(tell, createGuard(options)), "browse", "").ended;
    expect([got, told]).toEqual([["served"], [null]]);
  });

  it("says so when an interceptor behind it hides the call from it", async () => {
    const replace: grpc.ServerInterceptor = (_method, call) =>
      new grpc.ServerInterceptingCall(call, {
        start: (next) => next({ onReceiveMetadata: (metadata, pass) => pass(metadata.clone()) }),
      });
    const told: string[] = [];
    const tell = (call: ServerCall) => {
      expect(() => principalOf(call)).toThrow("replaced its metadata");
      told.push("told");
      return "";
    };
    await callShop(await serveTelling(tell, createGuard(options), replace), "buy", await bench.issue()).ended;
    expect(told).toEqual(["told"]);
    const behind = await serveTelling((call) => principalOf(call).userId, replace, createGuard(options));
    expect((await callShop(behind, "buy", await bench.issue()).ended).got).toEqual(["usr_1"]);
  });

  it("is closed to services that it was not given, but for health", async () => {
    const server = new grpc.Server({ interceptors: [createGuard(options)] });
    const reverse = { path: "/shop.v1.Stock/Count", requestStream: false, responseStream: false };
    const bytes = {
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    };
    let served = 0;
    server.addService(
      { count: { ...reverse, ...bytes } },
      {
        count: (_call: unknown, answer: grpc.sendUnaryData<Buffer>) => {
          served += 1;
          answer(null, Buffer.alloc(0));
        },
      },
    );
    new HealthImplementation({ "": "SERVING" }).addToServer(server);
    const port = await new Promise<number>((resolve) =>
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
    );
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    onTestFinished(() => {
      client.close();
      server.forceShutdown();
    });
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${await bench.issue({ roles: ["owner"] })}`);
    const codeOf = (path: string) =>
      new Promise<number>((resolve) =>
        client.makeUnaryRequest(path, pass, pass, Buffer.alloc(0), metadata, (error) => resolve(error?.code ?? OK)),
      );
    expect(await codeOf("/shop.v1.Stock/Count")).toBe(PERMISSION_DENIED);
    expect(await codeOf("/grpc.health.v1.Health/Check")).toBe(OK);
    expect(served).toBe(0);
  });

  it("takes the rules from a descriptor set, for code that no generator gave descriptors", async () => {
    const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [shopFile] }));
    const port = await serveGrpc({ ...options, services: readServices(set) }, createShopHandlers());
    expect((await callShop(port, "browse", "").ended).got).toEqual(["nobody: browse"]);
    const { status } = await callShop(port, "refund", await bench.issue()).ended;
    expect(detailsOf(status).reason).toBe("ERROR_REASON_ROLE_MISSING");
    expect(() => readServices(Buffer.from("no descriptors"))).toThrow();
  });

  it("keeps to the deadline of the call while Sallyport is asked, which is then asked no more", async () => {
    let aborted = 0;
    verifier.answerRemotely(
      (_token, signal) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener("abort", () => {
            aborted += 1;
            reject(signal.reason);
          }),
        ),
    );
    const handlers = createShopHandlers();
    const call = callShop(await serveGrpc(options, handlers), "audit", await bench.issue(), 2_000);
    expect((await call.ended).status.code).toBe(DEADLINE_EXCEEDED);
    await eventually(() => aborted).toBe(1);
    expect(handlers.seen).toEqual([]);
  });

  it("knows but the first of two authorization headers, since grpc-js shows no other", async () => {
    const handlers = createShopHandlers();
    const port = await serveGrpc(options, handlers);
    const session = connect(`http://127.0.0.1:${port}`, LENIENT);
    onTestFinished(() => session.destroy());
    const good = `Bearer ${await bench.issue()}`;
    for (const authorization of [
      [good, "x"],
      ["x", good],
    ]) {
      const headers = { "content-type": "application/grpc", te: "trailers", authorization };
      await ask2(
        port,
        { method: "POST", path: "/shop.v1.Shop/Buy", headers, body: envelope(new Uint8Array()) },
        session,
      );
    }
    expect(handlers.seen).toEqual(["Buy usr_1"]);
  });

  it("leaves a handler's own status as it is", async () => {
    const buy: grpc.handleUnaryCall<StringValue, StringValue> = (_call, answer) =>
      answer({ details: "no", code: UNKNOWN });
    const port = await serveHandlers([createGuard(options)], { buy });
    expect((await callShop(port, "buy", await bench.issue()).ended).status).toMatchObject({
      code: UNKNOWN,
      details: "no",
    });
  });
});

function pass(bytes: Buffer): Buffer {
  return bytes;
}
