/** Floods of HTTP/2 frames: whoever sends them is cut off or ignored, and others are served. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AbusedServer, ORDINARY, ordinaryIfQuiet, startAbusedServer, whileServing } from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callHeaders, http2Attacker, wholeCall } from "../support/http2-attacker.ts";
import {
  FLAG,
  FRAME,
  frame,
  headerBlock,
  PREFACE,
  SETTING,
  SETTINGS_ACK,
  settingsFrame,
  windowUpdate,
} from "../support/http2-frames.ts";
import { storm } from "../support/storm.ts";

/** What an abuser would send if it were let, and all the memory that may cost. */
const FLOOD_BYTES = 200 * 1024 * 1024;
const GROWN_MEGABYTES = 64;
/** What comes at once of a flood whose sender comes back again and again: all that it takes to be cut off. */
const SCRIPT_BYTES = 1024 * 1024;
/** What is merely ignored takes as long as it takes: so much of it goes beyond every buffer. */
const IGNORED_BYTES = 24 * 1024 * 1024;
/** Long enough for many answers, in milliseconds. */
const GOES_ON_MS = 3_000;

let server: AbusedServer;
beforeAll(async () => {
  server = await startAbusedServer();
});
afterAll(async () => {
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
});

const PADDED = 8;
const times = (count: number, bytes: Uint8Array) => Buffer.concat(Array.from({ length: count }, () => bytes));
const onStream = (type: number, payload: Uint8Array = Buffer.alloc(0), flags = 0) =>
  frame(type, { stream: 1, payload, flags });
const ping = frame(FRAME.PING, { payload: Buffer.alloc(8) });
const openCall = callHeaders(1);
const openBlock = callHeaders(1, { flags: 0 });
const hugeField = headerBlock([["x-large", "x".repeat(16_000)]]);

type Flood = { readonly first?: Uint8Array; readonly again: Uint8Array; readonly reads?: boolean };

const CUT_OFF: readonly (readonly [string, Flood])[] = [
  ["PINGs whose answers it reads", { again: times(3000, ping) }],
  ["PINGs whose answers it never reads", { again: times(3000, ping), reads: false }],
  [
    "answers to PINGs that nobody sent",
    { again: times(3000, frame(FRAME.PING, { flags: FLAG.ACK, payload: Buffer.alloc(8) })) },
  ],
  [
    "SETTINGS whose acknowledgements it reads",
    { again: times(3000, settingsFrame([[SETTING.INITIAL_WINDOW_SIZE, 1]])) },
  ],
  ["SETTINGS whose acknowledgements it never reads", { again: times(3000, settingsFrame()), reads: false }],
  [
    "SETTINGS of two thousand entries",
    { again: settingsFrame(Array.from({ length: 2000 }, () => [SETTING.MAX_FRAME_SIZE, 16_384])) },
  ],
  ["acknowledgements of settings that nobody sent", { again: times(3000, SETTINGS_ACK) }],
  ["CONTINUATION without end", { first: openBlock, again: onStream(FRAME.CONTINUATION, hugeField) }],
  [
    "CONTINUATION without end that it takes no answer to",
    { first: openBlock, again: onStream(FRAME.CONTINUATION, hugeField), reads: false },
  ],
  ["empty CONTINUATION without end", { first: openBlock, again: times(3000, onStream(FRAME.CONTINUATION)) }],
  ["empty HEADERS on one stream", { again: times(3000, onStream(FRAME.HEADERS, Buffer.alloc(0), FLAG.END_HEADERS)) }],
  ["trailers after trailers", { first: openCall, again: times(100, openCall) }],
  ["empty DATA", { first: openCall, again: times(3000, onStream(FRAME.DATA)) }],
  ["DATA beyond its window", { first: openCall, again: onStream(FRAME.DATA, Buffer.alloc(16_384)) }],
  ["PRIORITY", { again: times(3000, onStream(FRAME.PRIORITY, Buffer.from([0, 0, 0, 0, 1]))) }],
  ["RST_STREAM of streams that it never opened", { again: times(3000, onStream(FRAME.RST_STREAM, Buffer.alloc(4))) }],
  ["PUSH_PROMISE", { again: times(1000, onStream(FRAME.PUSH_PROMISE, Buffer.from([0, 0, 0, 2]), FLAG.END_HEADERS)) }],
  ["GOAWAY", { again: times(1000, frame(FRAME.GOAWAY, { payload: Buffer.alloc(8) })) }],
  ["frames of a type that does not exist", { again: times(1000, onStream(0x77, Buffer.alloc(16))) }],
  [
    "frames that claim to be of 16 MB",
    { again: frame(FRAME.DATA, { stream: 1, payload: Buffer.alloc(16_384), length: 0xffffff }) },
  ],
  ["window updates of zero", { again: times(1000, windowUpdate(0, 0)) }],
  ["window updates that go beyond 2 GiB", { again: times(2, windowUpdate(0, 0x7fffffff)) }],
];

test.each(CUT_OFF)("whoever sends %s is cut off, again and again", async (_what, { first, again, reads = true }) => {
  const { outcome, slowedBy, grownMegabytes } = await whileServing(server, async () => {
    const sent: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { socket, flood, closed } = await http2Attacker(server.port, { reads });
      if (first) socket.write(first);
      sent.push(await flood(() => again, FLOOD_BYTES));
      socket.resume();
      await closed;
    }
    return sent;
  });
  expect(Math.max(...outcome)).toBeLessThan(FLOOD_BYTES);
  expect(slowedBy).toBeLessThan(ordinaryIfQuiet());
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
});

test.each([1, 4])(
  "%i that come back as soon as they are cut off leave others at their ordinary speed",
  async (connections) => {
    const scripts = CUT_OFF.map(([, { first = Buffer.alloc(0), again }]) =>
      Buffer.concat([PREFACE, settingsFrame(), first, times(Math.ceil(SCRIPT_BYTES / again.length), again)]),
    );
    const { outcome, slowedBy, grownMegabytes } = await whileServing(server, () =>
      storm({ port: server.port, connections, scripts, forMs: GOES_ON_MS }),
    );
    expect(outcome).toBeGreaterThan(connections);
    expect(slowedBy).toBeLessThan(ORDINARY);
    expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
  },
);

const IGNORED: readonly (readonly [string, Flood])[] = [
  ["window updates of the connection", { again: times(3000, windowUpdate(0, 1)) }],
  ["window updates of a stream", { first: openCall, again: times(3000, windowUpdate(1, 1)) }],
  ["DATA of padding alone", { first: openCall, again: times(3000, onStream(FRAME.DATA, Buffer.from([1, 0]), PADDED)) }],
];

test.each(IGNORED)("%s are ignored: who sends them is served like others", async (_what, { first, again }) => {
  const { outcome, slowedBy, grownMegabytes } = await whileServing(server, async () => {
    const { socket, flood, received } = await http2Attacker(server.port);
    if (first) socket.write(first);
    await flood(() => again, IGNORED_BYTES);
    socket.write(wholeCall(3, "{}"));
    await eventually(() => received().includes('{"denied"')).toBe(true);
    return socket.destroyed;
  });
  expect(outcome).toBe(false);
  expect(slowedBy).toBeLessThan(ordinaryIfQuiet());
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
});
