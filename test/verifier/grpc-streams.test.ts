import type { StringValue } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { beforeEach, describe, expect, it } from "vitest";
import { createGuard, type GuardOptions, signalOf } from "../../src/verifier/grpc/guard.ts";
import { type BenchVerifier, createBenchVerifier } from "../support/bench-verifier.ts";
import { eventually } from "../support/eventually.ts";
import { callShop, detailsOf, serveHandlers } from "../support/grpc-shop.ts";
import { Shop } from "../support/guarded-shop.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers } from "../support/shop-handlers.ts";
import { message, serveGrpc } from "../support/shop-servers.ts";

const { UNAUTHENTICATED, CANCELLED } = grpc.status;

let bench: Awaited<ReturnType<typeof createShopBench>>;
let verifier: BenchVerifier;
let options: GuardOptions;

beforeEach(async () => {
  bench = await createShopBench();
  verifier = createBenchVerifier(bench);
  options = { verifier, services: [Shop] };
});

function endSession(): void {
  bench.revocations.note({ kind: "session_ended", sessionId: "ses_1", expiresAt: bench.clock.now() + 600_000 });
  verifier.news();
}

describe("A stream of grpc-js that the guard ends", () => {
  it("is cancelled for its handler once, which may go on to write without harm", async () => {
    const events: string[] = [];
    const follow: grpc.handleServerStreamingCall<StringValue, StringValue> = (call) => {
      call.write(message("first"));
      call.on("cancelled", () => {
        events.push(`cancelled ${call.cancelled} ${signalOf(call).aborted}`);
        call.write(message("too late"));
        call.end();
      });
    };
    const port = await serveHandlers([createGuard(options)], { follow });
    const call = callShop(port, "follow", await bench.issue());
    await eventually(() => call.got).toEqual(["first"]);
    endSession();
    const { status, got } = await call.ended;
    expect(detailsOf(status)).toMatchObject({ reason: "ERROR_REASON_SESSION_REVOKED", code: UNAUTHENTICATED });
    await eventually(() => events).toEqual(["cancelled true true"]);
    expect(got).toEqual(["first"]);
  });

  it("does no harm to whoever follows tokens, though its handler throws when it is told", async () => {
    const other: string[] = [];
    const thrown = new Promise<unknown>((resolve) => {
      const listeners = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (error) => {
        for (const listener of listeners) process.on("uncaughtException", listener);
        resolve(error);
      });
    });
    const fault = new Error("a handler's fault");
    const follow: grpc.handleServerStreamingCall<StringValue, StringValue> = (call) => {
      call.write(message("first"));
      call.once("cancelled", () => {
        throw fault;
      });
    };
    const port = await serveHandlers([createGuard(options)], { follow });
    const call = callShop(port, "follow", await bench.issue());
    await eventually(() => call.got).toEqual(["first"]);
    verifier.follow(await bench.issue(), {}, () => other.push("told"));
    endSession();
    expect(other).toEqual(["told"]);
    expect(await thrown).toBe(fault);
  });

  it("is told apart from one whose client left", async () => {
    const handlers = createShopHandlers();
    const port = await serveGrpc(options, handlers);
    const call = callShop(port, "follow", await bench.issue());
    await eventually(() => call.got).toEqual(["follow"]);
    call.cancel();
    expect((await call.ended).status.code).toBe(CANCELLED);
    await eventually(() => handlers.told.map(String)).toEqual(["Error: the call is over"]);
    expect(verifier.following()).toBe(0);
  });
});
