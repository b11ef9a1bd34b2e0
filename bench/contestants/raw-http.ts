/** The limit of what Node can do over HTTP/1.1: `node:http` answers every request with the same bytes. */
import { createServer } from "node:http";
import { readRecording, tellPort } from "./part.ts";

const { headers, body } = readRecording();
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    response.writeHead(200, headers);
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => tellPort(server.address()));
