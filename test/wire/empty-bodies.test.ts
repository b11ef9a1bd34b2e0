/** Requests without a body, more at once than are begun in one turn: those that wait for theirs are answered like the first. */
import { once } from "node:events";
import { connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import { startApp, type TestApp } from "../support/app.ts";

/** As many as one client may have open: two turns of them. */
const MANY = BOUNDS.concurrentStreams;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test.each([
  ["that ends with an empty frame, in the lean adapter", "POST", "application/proto", {}, false],
  ["that ends with its headers, in the lean adapter", "POST", "application/proto", {}, true],
  [
    "that ends with an empty frame, in the library",
    "POST",
    "application/proto",
    { "connect-timeout-ms": "1e3" },
    false,
  ],
  ["that ends with an empty frame, in a plain route", "GET", "text/plain", {}, false],
])("a body %s", async (_what, method, contentType, more, endStream) => {
  const session = connect(app.url);
  const path = method === "GET" ? "/healthz" : "/sallyport.auth.v1.AuthService/Authorize";
  const headers = { ":method": method, ":path": path, "content-type": contentType, ...more };
  const answers = Array.from({ length: MANY }, async () => {
    const stream = session.request(headers, { endStream });
    if (!endStream) stream.end();
    const [answer] = await once(stream, "response");
    await buffer(stream);
    return answer[":status"];
  });
  const statuses = new Set(await Promise.all(answers));
  session.close();
  expect([...statuses]).toEqual(["connect-timeout-ms" in more ? 400 : 200]);
});
