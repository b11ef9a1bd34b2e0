/** Many connections times many streams is more than any memory holds: there is a bound for all of them. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import { eventually } from "../support/eventually.ts";
import { ask1, ask2 } from "../support/wire-raw.ts";
import { startWireServer } from "../support/wire-server.ts";

const WATCH = "/grpc.health.v1.Health/Watch";
const AUTHORIZE = "/sallyport.auth.v1.AuthService/Authorize";
const json = { "content-type": "application/json" };

/** Opens streams whose requests never end. */
function openMany(session: ClientHttp2Session, count: number): ClientHttp2Stream[] {
  return Array.from({ length: count }, () => {
    const stream = session.request({ ":method": "POST", ":path": WATCH, "content-type": "application/grpc" });
    stream.on("error", () => {});
    return stream;
  });
}

test("requests beyond the bound are refused so that they may be retried, and taken once there is room", async () => {
  const { url, port } = await startWireServer();
  const count = Math.ceil(BOUNDS.openRequests / BOUNDS.concurrentStreams);
  const sessions = Array.from({ length: count }, () => connect(url));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
  });
  await Promise.all(sessions.map((session) => new Promise((resolve) => session.once("remoteSettings", resolve))));
  const streams = sessions.flatMap((session) => openMany(session, BOUNDS.concurrentStreams));
  const refused = async () => streams.filter(({ rstCode }) => rstCode === constants.NGHTTP2_REFUSED_STREAM).length;
  await eventually(refused).toBe(streams.length - BOUNDS.openRequests);

  const question = { method: "POST", path: AUTHORIZE, headers: json, body: "{}" };
  expect((await ask1(port, question)).status).toBe(503);
  await expect(ask2(port, question)).rejects.toThrow("NGHTTP2_REFUSED_STREAM");

  sessions.pop()?.destroy();
  await eventually(async () => (await ask1(port, question)).status).toBe(200);
  expect((await ask2(port, question)).status).toBe(200);
});
