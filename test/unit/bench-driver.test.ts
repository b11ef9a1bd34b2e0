/** The driver of the benchmark: what it counts is what was answered well. */
import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { createServer, type Http2Server, type ServerHttp2Stream, type Settings } from "node:http2";
import type { Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Target, Window } from "../../bench/driver/job.ts";
import { askOnce, measure } from "../../bench/driver/window.ts";

const GRANTED = Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]);
const DENIED = Buffer.from([0, 0, 0, 0, 2, 0x12, 0]);
const WINDOW: Window = { concurrency: 8, warmMs: 0, measureMs: 50, rate: null };
const HEADERS = { ":status": 200, "content-type": "application/grpc", "x-long": "a value with spaces, (in) Huffman~" };

const servers: (Server | Http2Server)[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A target on a server that answers each stream as told, once its request is there. */
async function grpcTarget(answer: (stream: ServerHttp2Stream) => void, settings: Settings = {}): Promise<Target> {
  const server = createServer({ settings });
  server.on("stream", (stream: ServerHttp2Stream) => stream.resume().on("end", () => answer(stream)));
  return targetOn(server, "h2", { status: "grpc", bytes: Buffer.from([0x0a]), at: 5 });
}

async function targetOn(
  server: Server | Http2Server,
  transport: Target["transport"],
  accept: Target["accept"],
): Promise<Target> {
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it does not listen");
  const asked = { method: "POST", path: "/a/B", headers: { te: "trailers" }, eachOnce: false } as const;
  return { ...asked, pid: process.pid, port: address.port, transport, bodies: [Buffer.alloc(900, "b")], accept };
}

function answerWith(body: Buffer, grpcStatus: string): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": grpcStatus, "grpc-message": "so it is" }));
    stream.end(body);
  };
}

describe("The benchmark's driver", () => {
  it("reads the headers, the body and the trailers of an answer", async () => {
    const answer = await askOnce(await grpcTarget(answerWith(GRANTED, "0")));
    expect(answer).toMatchObject({ status: 200, grpcStatus: "0", body: GRANTED });
    expect(answer.headers["x-long"]).toBe(HEADERS["x-long"]);
    expect(answer.trailers["grpc-message"]).toBe("so it is");
  });

  it("counts answers, with more under way than a connection's window holds", async () => {
    const sample = await measure(await grpcTarget(answerWith(GRANTED, "0")), {
      ...WINDOW,
      concurrency: 400,
      measureMs: 1_000,
    });
    expect(sample.calls).toBeGreaterThan(50);
    expect(sample.cpuSeconds).toBeGreaterThan(0);
    expect(sample.p99).toBeGreaterThanOrEqual(sample.p50);
  });

  it("has as many streams open as the server allows, and no more", async () => {
    const most = 150;
    const answer = answerWith(GRANTED, "0");
    const open = new Map<unknown, number>();
    const seen: number[] = [];
    const target = await grpcTarget(
      (stream) => {
        const { session } = stream;
        const count = (open.get(session) ?? 0) + 1;
        open.set(session, count);
        seen.push(count);
        stream.once("close", () => open.set(session, (open.get(session) ?? 0) - 1));
        setTimeout(answer, 50, stream);
      },
      { maxConcurrentStreams: most },
    );
    await measure(target, { ...WINDOW, concurrency: 4 * 2 * most, measureMs: 300 });
    expect(open.size).toBe(4);
    expect(Math.max(...seen)).toBe(most);
  });

  it.each([
    ["another gRPC status", answerWith(GRANTED, "8"), "grpc-status 8: so it is"],
    ["no gRPC status", (stream: ServerHttp2Stream) => respond(stream, GRANTED), "grpc-status null"],
    ["a denial", answerWith(DENIED, "0"), "says something else"],
    ["no body", answerWith(Buffer.alloc(0), "0"), "says something else"],
    ["a reset stream", (stream: ServerHttp2Stream) => stream.close(8), "reset with code 8"],
    ["a broken connection", (stream: ServerHttp2Stream) => stream.session?.destroy(), "connection"],
  ])("counts nothing where there is %s", async (_, answer, message) => {
    const failure: unknown = await measure(await grpcTarget(answer), WINDOW).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    if (failure instanceof Error) expect(`${failure.message}: ${failure.cause}`).toContain(message);
  });

  it("takes trailers in the body of gRPC-Web", async () => {
    const trailers = Buffer.from("grpc-status: 5\r\n");
    const body = Buffer.concat([GRANTED, Buffer.from([0x80, 0, 0, 0, trailers.length]), trailers]);
    const target = await http1Target(200, body, { status: "grpc-web", bytes: Buffer.alloc(0), at: 0 });
    await expect(askOnce(target)).rejects.toThrow("grpc-web status 5");
  });

  it("reads HTTP/1.1 answers in chunks", async () => {
    const target = await http1Target(200, GRANTED, { status: "http", bytes: GRANTED, at: 0 });
    expect((await measure(target, WINDOW)).calls).toBeGreaterThan(0);
  });

  it("counts nothing where HTTP/1.1 says no", async () => {
    const target = await http1Target(429, GRANTED, { status: "http", bytes: GRANTED, at: 0 });
    await expect(measure(target, WINDOW)).rejects.toThrow("HTTP status 429");
  });
});

function respond(stream: ServerHttp2Stream, body: Buffer): void {
  stream.respond(HEADERS);
  stream.end(body);
}

async function http1Target(status: number, body: Buffer, accept: Target["accept"]): Promise<Target> {
  const server = createHttp1Server((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(status, { "transfer-encoding": "chunked" });
      response.write(body.subarray(0, 3));
      response.end(body.subarray(3));
    });
  });
  return targetOn(server, "h1", accept);
}
