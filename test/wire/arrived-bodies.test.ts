/** Bodies that are there as a whole when their call begins, and others, on one session. */
import { once } from "node:events";
import { sensitiveHeaders } from "node:http2";
import { expect, it } from "vitest";
import { hasArrived } from "../../src/server/request-body.ts";
import { callFields, http2Attacker, wholeCall } from "../support/http2-attacker.ts";
import { FLAG, FRAME, frame, headerBlock } from "../support/http2-frames.ts";
import { session2 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const headers = (stream: number, flags = FLAG.END_HEADERS) =>
  frame(FRAME.HEADERS, { stream, flags, payload: headerBlock(callFields()) });
const data = (stream: number, text: string, flags = 0) =>
  frame(FRAME.DATA, { stream, flags, payload: Buffer.from(text) });

/** The streams that were answered to their end with what every call here is granted. */
function granted({ frames }: Awaited<ReturnType<typeof http2Attacker>>): number[] {
  return frames()
    .filter(({ type, payload }) => type === FRAME.DATA && payload.includes('{"granted"'))
    .map(({ stream }) => stream);
}

it("are answered alike, whether they come with their headers, after them, or in pieces", async () => {
  const { port } = await startWireServer();
  const client = await http2Attacker(port);
  client.socket.write(wholeCall(1, "{}"));
  await until(() => granted(client).length === 1, "the first answer");
  client.socket.write(Buffer.concat([headers(3), data(3, "{"), data(3, "}"), data(3, "", FLAG.END_STREAM)]));
  client.socket.write(headers(5));
  await until(() => granted(client).length === 2, "the second answer");
  client.socket.write(data(5, "{"));
  // A call of the same session is answered meanwhile.
  client.socket.write(wholeCall(7, "{}"));
  await until(() => granted(client).length === 3, "the third answer");
  client.socket.write(data(5, "}", FLAG.END_STREAM));
  await until(() => granted(client).length === 4, "the last answer");
  expect(granted(client).toSorted()).toEqual([1, 3, 5, 7]);
});

it("leave nothing of their streams behind: thousands, one after the other, are answered on one session", async () => {
  const { port, calls } = await startWireServer();
  const client = await http2Attacker(port);
  const AT_ONCE = 50;
  for (let first = 1; first < 4_000; first += 2 * AT_ONCE) {
    const streams = Array.from({ length: AT_ONCE }, (_, index) => first + 2 * index);
    client.socket.write(Buffer.concat(streams.map((stream) => wholeCall(stream, "{}"))));
    const expected = calls.length + AT_ONCE;
    await until(() => calls.length >= expected, "the calls");
  }
  await until(() => granted(client).length === calls.length, "every answer");
  expect(client.frames().filter(({ type }) => type === FRAME.RST_STREAM || type === FRAME.GOAWAY)).toEqual([]);
});

it("are read as they come where Node keeps nothing that tells of their end", () => {
  const source: object = { readableEnded: false };
  expect(hasArrived(Object(source))).toBe(false);
  expect(hasArrived(Object({ ...source, readableEnded: true }))).toBe(true);
  expect(hasArrived(Object({ ...source, _readableState: null }))).toBe(false);
  expect(hasArrived(Object({ ...source, _readableState: { ended: true } }))).toBe(true);
});

it("have ids in their answers that no table of HPACK is filled with", async () => {
  const { port } = await startWireServer();
  const headers = { "content-type": "application/json" };
  const stream = session2(port).request({ ":method": "POST", ":path": PATH, ...headers });
  stream.end("{}");
  const [answered] = await once(stream, "response");
  expect(answered["x-request-id"]).toMatch(/^req_/);
  expect(answered[sensitiveHeaders]).toEqual(["x-request-id"]);
});
