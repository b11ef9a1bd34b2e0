/** The limit of what Node can do: `node:http2` answers every stream with the same bytes. */
import { createServer, type ServerHttp2Stream } from "node:http2";
import { readRecording, tellPort } from "./part.ts";

const { headers, body, trailers } = readRecording();
const server = createServer();
server.on("stream", (stream: ServerHttp2Stream) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    stream.respond(headers, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  });
});
server.listen(0, "127.0.0.1", () => tellPort(server.address()));
