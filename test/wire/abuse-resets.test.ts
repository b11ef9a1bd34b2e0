/** Streams that are opened in order to be thrown away (CVE-2023-44487 and its kin). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { BOUNDS, READMISSION } from "../../src/server/bounds.ts";
import { type AbusedServer, ORDINARY, startAbusedServer, whileServing } from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callFields, callHeaders, http2Attacker, streamIds, wholeCall } from "../support/http2-attacker.ts";
import {
  FLAG,
  FRAME,
  frame,
  headerBlock,
  PREFACE,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowUpdate,
} from "../support/http2-frames.ts";
import { logIn, signUp } from "../support/people.ts";
import { storm } from "../support/storm.ts";

const FLOOD_BYTES = 200 * 1024 * 1024;
/** Hundreds of streams are opened before a session is cut off, and what they leave behind is collected later. */
const GROWN_MEGABYTES = 128;
const HASH_QUEUE = 16;
/** Long enough for many answers, in milliseconds. */
const GOES_ON_MS = 3_000;
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

/** All that a session gets said before it is cut off, and more. */
const scriptOf = (write: (stream: number) => readonly Uint8Array[]) =>
  Buffer.concat([PREFACE, settingsFrame(), each(2 * BOUNDS.streamResetBurst, streamIds(), write)]);

test.each([1, 4])(
  "%i that come back as soon as they are cut off leave others at their ordinary speed",
  async (connections) => {
    const scripts = MISUSES.map(([, write]) => scriptOf(write));
    const start = performance.now();
    const { outcome, slowedBy, grownMegabytes } = await whileServing(server, () =>
      storm({ port: server.port, connections, scripts, forMs: GOES_ON_MS }),
    );
    expect(outcome).toBeGreaterThan(connections);
    // They are let in again one after the other.
    const gaps = (performance.now() - start) / READMISSION.gapMs;
    expect(outcome).toBeLessThan(READMISSION.mishaps + 2 * connections + gaps);
    expect(slowedBy).toBeLessThan(ORDINARY);
    expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
  },
);

test("of the calls that the same packet takes back few are begun, however many they are", async () => {
  const begun = () =>
    server.metric('sallyport_request_duration_seconds_count{rpc="sallyport.auth.v1.AuthService/Authorize"}');
  const before = await begun();
  const calls = BOUNDS.streamResetBurst - 50;
  const { socket, frames } = await http2Attacker(server.port);
  const next = streamIds();
  const all = each(calls, next, (stream) => [wholeCall(stream, "{}"), resetFrame(stream)]);
  socket.write(Buffer.concat([all, wholeCall(next(), "{}")]));
  // The session goes on, and the call that nobody took back is answered.
  await eventually(() =>
    frames().some(({ type, payload }) => type === FRAME.DATA && payload.includes('{"denied"')),
  ).toBe(true);
  expect((await begun()) - before).toBeLessThan(calls / 2);
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
