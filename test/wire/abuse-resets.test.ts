/** Streams that are opened in order to be thrown away (CVE-2023-44487 and its kin). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import { type AbusedServer, IN_BURSTS, startAbusedServer, whileServing } from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callFields, callHeaders, http2Attacker, streamIds, wholeCall } from "../support/http2-attacker.ts";
import { FLAG, FRAME, frame, headerBlock, resetFrame, SETTINGS_ACK, windowUpdate } from "../support/http2-frames.ts";
import { logIn, signUp } from "../support/people.ts";

const FLOOD_BYTES = 200 * 1024 * 1024;
/** Hundreds of calls are begun before a session is cut off, and what they leave behind is collected later. */
const GROWN_MEGABYTES = 128;
const HASH_QUEUE = 16;
/** Long enough for many answers, in milliseconds. */
const GOES_ON_MS = 2_000;
const LOGIN = "/sallyport.auth.v1.AuthService/Login";

let server: AbusedServer;
beforeAll(async () => {
  server = await startAbusedServer({
    SALLYPORT_HASH_PERMITS: "1",
    SALLYPORT_ARGON2_MEMORY_KIB: "8192",
    SALLYPORT_ARGON2_PASSES: "2",
  });
  await signUp(server, "ada");
});
afterAll(async () => {
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
});

/** `count` times what `write` makes of a new stream. */
const each = (count: number, next: () => number, write: (stream: number) => readonly Uint8Array[]) =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.concat(write(next()))));

const LOGIN_BLOCK = headerBlock(callFields(LOGIN));
const loginOf = (stream: number) =>
  wholeCall(stream, JSON.stringify({ identifier: "ada", password: "not the password" }), LOGIN_BLOCK);
const noBody = FLAG.END_HEADERS | FLAG.END_STREAM;

const MISUSES: readonly (readonly [string, (stream: number) => readonly Uint8Array[]])[] = [
  ["HEADERS and RST_STREAM", (stream) => [callHeaders(stream), resetFrame(stream)]],
  ["whole calls and RST_STREAM", (stream) => [wholeCall(stream, "{}"), resetFrame(stream)]],
  ["whole logins and RST_STREAM", (stream) => [loginOf(stream), resetFrame(stream)]],
  ["faults that make the server reset", (stream) => [callHeaders(stream), windowUpdate(stream, 0)]],
  ["bodies beyond what was announced", (stream) => [callHeaders(stream, { block: ANNOUNCED }), bodyOf(stream)]],
  ["HEADERS without a single field", (stream) => [frame(FRAME.HEADERS, { stream, flags: noBody })]],
  ["HEADERS that cannot be unpacked", (stream) => [callHeaders(stream, { block: Buffer.from([0xff, 0xff, 0xff]) })]],
  ["streams beyond the bound", (stream) => [callHeaders(stream)]],
];
const ANNOUNCED = headerBlock([...callFields(), ["content-length", "1"]]);
const bodyOf = (stream: number) => frame(FRAME.DATA, { stream, payload: Buffer.from("{}") });

test.each(MISUSES)("whoever sends %s for ever is cut off, again and again", async (_what, write) => {
  const { outcome, grownMegabytes } = await whileServing(server, async () => {
    const sent: number[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { flood, closed } = await http2Attacker(server.port);
      const next = streamIds();
      sent.push(await flood(() => each(50, next, write), FLOOD_BYTES));
      await closed;
    }
    return sent;
  });
  expect(Math.max(...outcome)).toBeLessThan(FLOOD_BYTES);
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
});

test("whoever comes back with one after the other as soon as it is cut off starves nobody", async () => {
  const { outcome, slowedBy, grownMegabytes } = await whileServing(server, async () => {
    const end = performance.now() + GOES_ON_MS;
    let cutOff = 0;
    for (; performance.now() < end; cutOff += 1) {
      const write = MISUSES[cutOff % MISUSES.length]?.[1] ?? (() => []);
      const { flood, closed } = await http2Attacker(server.port);
      const next = streamIds();
      await flood(() => each(50, next, write), FLOOD_BYTES);
      await closed;
    }
    return cutOff;
  });
  expect(outcome).toBeGreaterThan(0);
  expect(slowedBy).toBeLessThan(IN_BURSTS);
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
});

test("logins that are reset once they are under way leave no hashes behind, and the next one gets in", async () => {
  const { grownMegabytes } = await whileServing(server, async () => {
    const { socket } = await http2Attacker(server.port);
    const next = streamIds();
    for (let burst = 0; burst < 2; burst += 1) {
      const streams = Array.from({ length: 200 }, next);
      socket.write(Buffer.concat(streams.map(loginOf)));
      await eventually(() => server.metric("sallyport_password_hashes_running")).toBe(1);
      expect(await server.metric("sallyport_password_hashes_waiting")).toBeLessThanOrEqual(HASH_QUEUE);
      socket.write(Buffer.concat(streams.map((stream) => resetFrame(stream))));
    }
    await eventually(() => server.metric("sallyport_password_hashes_waiting")).toBe(0);
    return logIn(server, "ada");
  });
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
});

/** Opens as many streams as there may be, and one more. */
async function openTooMany(beforeTheLast: Uint8Array) {
  const attacker = await http2Attacker(server.port);
  const next = streamIds();
  const open = Array.from({ length: BOUNDS.concurrentStreams }, next);
  const beyond = next();
  attacker.socket.write(Buffer.concat([...open.map((stream) => callHeaders(stream)), beforeTheLast]));
  attacker.socket.write(callHeaders(beyond));
  return { ...attacker, open, beyond };
}

test("a stream beyond the bound is refused, and those below it are answered", async () => {
  const { socket, frames, open, beyond } = await openTooMany(Buffer.alloc(0));
  const resets = () => frames().filter(({ type }) => type === FRAME.RST_STREAM);
  await eventually(() => resets().map(({ stream }) => stream)).toEqual([beyond]);
  const end = (stream: number) => frame(FRAME.DATA, { flags: FLAG.END_STREAM, stream, payload: Buffer.from("{}") });
  socket.write(Buffer.concat(open.map(end)));
  const answered = () => frames().filter(({ type, payload }) => type === FRAME.DATA && payload.includes('{"denied"'));
  await eventually(() => answered().length).toBe(open.length);
  expect(resets()).toHaveLength(1);
});

test("a client that has agreed to the bound, and goes beyond it, loses its session", async () => {
  const { socket, closed } = await openTooMany(SETTINGS_ACK);
  await closed;
  expect(socket.destroyed).toBe(true);
});
