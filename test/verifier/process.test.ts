/** A process that uses verifiers: what survives in it, and what is left running. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { startApp, temporaryFolder } from "../support/app.ts";
import { createAuthority, issueServer, tlsSettings, writeTlsFiles } from "../support/certificates.ts";
import { welcome, welcomeAdmin } from "../support/people.ts";
import type { Errand, Told } from "../support/verifying-process.ts";
import { serviceKey } from "../support/watching.ts";

const PROGRAM = fileURLToPath(new URL("../support/verifying-process.ts", import.meta.url));
const API_KEY = `sallyport_svk_${"A".repeat(43)}`;

/** Runs a process to its end, which it must find by itself. */
async function runErrand(errand: Errand) {
  const child = spawn(process.execPath, ["--unhandled-rejections=strict", PROGRAM], { stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  let err = "";
  child.stdout.on("data", (text) => {
    out += text;
  });
  child.stderr.on("data", (text) => {
    err += text;
  });
  child.stdin.write(`${JSON.stringify(errand)}\n`);
  const [code, signal] = await once(child, "close");
  const told: readonly Told[] = out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  return { code, signal, err, out, told };
}

/** A server of TCP that treats connections like this; where it listens. */
async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

/** A frame of HTTP/2: SETTINGS, and others after it. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
/** HEADERS of a stream that nobody opened, with a status of 200. */
const STRAY = Buffer.from([0, 0, 1, 1, 4, 0, 0, 0, 2, 0x88]);
/** A frame longer than is allowed. */
const ENDLESS = Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]);

const answering = (...frames: readonly Uint8Array[]) =>
  createServer((socket) => {
    socket.once("data", () => socket.write(Buffer.concat(frames)));
  });

describe("A process with verifiers", () => {
  it("survives whatever goes wrong with their connections, tells of it, and ends by itself once they are closed", {
    timeout: 60_000,
  }, async () => {
    const authority = await createAuthority();
    const { files } = writeTlsFiles(await issueServer(authority));
    const secure = await startApp({ settings: tlsSettings(files) });
    onTestFinished(() => secure.close());
    const plain = await startApp();
    onTestFinished(() => plain.close());
    const urls = {
      "nobody listens": "http://127.0.0.1:1",
      "no such name": "http://nobody.invalid",
      "reset at once": `http://${await listen(createServer((socket) => socket.resetAndDestroy()))}`,
      "reset after the first bytes": `http://${await listen(createServer((socket) => socket.once("data", () => socket.resetAndDestroy())))}`,
      "closed at once": `http://${await listen(createServer((socket) => socket.end()))}`,
      "closed after settings": `http://${await listen(createServer((socket) => socket.once("data", () => socket.end(SETTINGS))))}`,
      "HTTP/1 only": `http://${await listen(createHttpServer((_request, response) => response.end("hello")))}`,
      "no HTTP at all": `http://${await listen(createServer((socket) => socket.write("220 smtp.example.com ESMTP\r\n")))}`,
      "goes away": `http://${await listen(answering(SETTINGS, GOAWAY))}`,
      "stray headers": `http://${await listen(answering(SETTINGS, STRAY))}`,
      "endless frame": `http://${await listen(answering(SETTINGS, ENDLESS))}`,
      "TLS spoken to plain": `https://127.0.0.1:${plain.port}`,
      "plain spoken to TLS": `http://127.0.0.1:${secure.port}`,
      "unknown authority": `https://127.0.0.1:${secure.port}`,
    };
    const verifiers = Object.fromEntries(
      Object.entries(urls).map(([name, baseUrl]) => [name, { baseUrl, apiKey: API_KEY, audience: "orders" }]),
    );
    const { code, err, out, told } = await runErrand({
      verifiers,
      until: { kind: "disconnected", times: 3 },
      token: "t",
    });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of Object.keys(urls)) {
      const own = told.filter((event) => event.name === name);
      expect(own.filter(({ kind }) => kind === "disconnected").length, name).toBeGreaterThanOrEqual(3);
      expect(own.find(({ kind }) => kind === "disconnected")?.message, name).not.toBe("");
      expect(own.find(({ kind }) => kind === "asked")?.message, name).toBe("VerifierUnavailable");
    }
    expect(out).not.toContain(API_KEY.slice(14));
  });

  it("whose verifiers follow a feed ends by itself once they are closed, and not before", {
    timeout: 60_000,
  }, async () => {
    const authority = await createAuthority();
    const { files } = writeTlsFiles(await issueServer(authority));
    const secure = await startApp({ settings: tlsSettings(files) });
    onTestFinished(() => secure.close());
    const app = await startApp({ dataDir: secure.dataDir });
    onTestFinished(() => app.close());
    const apiKey = await serviceKey(await welcomeAdmin(app), "orders");
    const { tokens } = await welcome(app, "ada", ["orders"]);
    const service = { apiKey, audience: "orders" };
    const { code, err, told } = await runErrand({
      verifiers: {
        plain: { ...service, baseUrl: app.url, bundle: { file: `${temporaryFolder()}/bundle`, maxAgeMs: 60_000 } },
        "with TLS": { ...service, baseUrl: `https://127.0.0.1:${secure.port}`, tls: { ca: authority.cert } },
      },
      until: { kind: "fresh", times: 1 },
      token: tokens.accessToken,
    });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of ["plain", "with TLS"])
      expect(
        told.filter((event) => event.name === name).map(({ kind, message }) => `${kind} ${message}`.trim()),
      ).toEqual(["connected", "resynced", "fresh", "asked true", "VerifierUnavailable"]);
  });
});
