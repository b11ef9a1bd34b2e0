/** Files of TLS that change while the server runs. */
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import {
  type Authority,
  createAuthority,
  hoursFromNow,
  issueServer,
  type Pair,
  writeTlsFiles,
} from "../support/certificates.ts";
import { ask2 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";
import { askTls1, sessionTls2, tlsConnection } from "../support/wire-tls.ts";

const GET = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const LOOK_MS = 10;

let authority: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await createAuthority();
  pair = await issueServer(authority);
});

async function start(clientCa?: string) {
  const written = writeTlsFiles(pair, clientCa);
  const started = await startWireServer({ tls: written.files, timeouts: { certificateMs: LOOK_MS } });
  const count = (event: string) => started.lines.filter((line) => line.event === event).length;
  await started.line({ event: "certificate_loaded" });
  return {
    ...started,
    ...written,
    count,
    loaded: (times: number) => until(() => count("certificate_loaded") >= times, `load ${times}`),
    refused: (times: number) => until(() => count("certificate_refused") >= times, `refusal ${times}`),
  };
}

/** What the server shows to a new client. */
async function shown(port: number, ca = authority.cert): Promise<string> {
  const { socket, secured } = tlsConnection(port, { ca });
  await secured;
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const isServed = async (port: number, ca = authority.cert) =>
  (await askTls1(port, { ca }, { path: "/healthz" }).catch(() => null))?.status === 200;

test("a new pair is shown to whoever connects, and connections that are open stay", async () => {
  const { port, write, loaded } = await start();
  const session = sessionTls2(port, { ca: authority.cert });
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
  const before = await shown(port);
  write(await issueServer(authority, { notAfter: hoursFromNow(2) }));
  await loaded(2);
  expect(await shown(port)).not.toBe(before);
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
});

test("a pair of another authority is shown to those who believe that one, and to nobody else", async () => {
  const { port, write, loaded } = await start();
  const next = await createAuthority("Next");
  write(await issueServer(next));
  await loaded(2);
  expect([await isServed(port, next.cert), await isServed(port)]).toEqual([true, false]);
});

test("files that are replaced by others of their names, as mounted secrets are, count as changed", async () => {
  const { port, files, write, loaded } = await start();
  const before = await shown(port);
  for (const file of [files.certFile, files.keyFile]) rmSync(file);
  write(await issueServer(authority));
  await loaded(2);
  expect(await shown(port)).not.toBe(before);
});

test("a broken pair is an error in the log, once, and the old pair stays until a good one comes", async () => {
  const { port, files, write, line, loaded, refused, count } = await start();
  const before = await shown(port);
  writeFileSync(files.certFile, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  await refused(1);
  const { level, error } = await line({ event: "certificate_refused" });
  expect([level, error]).toEqual([
    "error",
    expect.objectContaining({ message: expect.stringContaining(files.certFile) }),
  ]);
  // A look in the middle of the change to the file may have refused it as well.
  await pause(10 * LOOK_MS);
  const refusals = count("certificate_refused");
  await pause(10 * LOOK_MS);
  expect([count("certificate_refused"), await shown(port)]).toEqual([refusals, before]);
  write(await issueServer(authority));
  await loaded(2);
  expect(await shown(port)).not.toBe(before);
});

test.each<[string, (at: { certFile: string; keyFile: string }) => Promise<void>]>([
  ["a key of another certificate", async ({ keyFile }) => writeFileSync(keyFile, (await issueServer(authority)).key)],
  ["a key that others can read", async ({ keyFile }) => chmodSync(keyFile, 0o644)],
  ["a key that is gone", async ({ keyFile }) => rmSync(keyFile)],
  ["an empty certificate", async ({ certFile }) => writeFileSync(certFile, "")],
])("%s is refused, and clients are served with the old pair", async (_what, change) => {
  const { port, files, write, loaded, refused } = await start();
  const before = await shown(port);
  await change(files);
  await refused(1);
  expect(await shown(port)).toBe(before);
  write(pair);
  await loaded(2);
  expect(await shown(port)).toBe(before);
});

test("a pair whose time is over is loaded with a warning", async () => {
  const { write, loaded, lines } = await start();
  write(await issueServer(authority, { notBefore: hoursFromNow(-3), notAfter: hoursFromNow(-1) }));
  await loaded(2);
  expect(lines.filter(({ event }) => event === "certificate_loaded").map(({ level }) => level)).toEqual([
    "info",
    "warn",
  ]);
});

test("files that are merely touched disturb nobody", async () => {
  const clients = await createAuthority("Clients");
  const { port, write, loaded } = await start(clients.cert);
  const session = sessionTls2(port, { ca: authority.cert, ...(await clients.issue()) });
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
  write(pair, clients.cert);
  await loaded(2);
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
});

test("other authorities of clients hold at once, and those who came by the old ones are let go", async () => {
  const [old, next] = [await createAuthority("Old"), await createAuthority("Next")];
  const { port, write, loaded } = await start(old.cert);
  const oldTrust = { ca: authority.cert, ...(await old.issue()) };
  const nextTrust = { ca: authority.cert, ...(await next.issue()) };
  const session = sessionTls2(port, oldTrust);
  const goaway = new Promise((resolve) => session.once("goaway", resolve));
  const [idle, asking] = [tlsConnection(port, oldTrust), tlsConnection(port, oldTrust)];
  idle.socket.write(GET);
  await until(() => idle.received().includes("alive"), "an answer");
  await asking.secured;
  await expect(askTls1(port, nextTrust, { path: "/healthz" })).rejects.toThrow();
  write(pair, next.cert);
  await loaded(2);
  expect(await goaway).toBe(0);
  await idle.closed;
  asking.socket.write(GET);
  await asking.closed;
  expect(asking.received().toString()).toMatch(/connection: close/i);
  expect((await askTls1(port, nextTrust, { path: "/healthz" })).status).toBe(200);
  await expect(askTls1(port, oldTrust, { path: "/healthz" })).rejects.toThrow();
});

test("a handshake that began under the old authorities of clients lets nobody in under the new ones", async () => {
  const [old, next] = [await createAuthority("Old"), await createAuthority("Next")];
  const { port, write, loaded } = await start(old.cert);
  const socket = connect({ host: "127.0.0.1", port });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  // Somebody else's answer: by then the server has taken the connection above.
  await askTls1(port, { ca: authority.cert, ...(await old.issue()) }, { path: "/healthz" });
  write(pair, next.cert);
  await loaded(2);
  const late = tlsConnection(port, { socket, ca: authority.cert, ...(await old.issue()) });
  late.socket.write(GET);
  await late.closed;
  expect(late.received()).toHaveLength(0);
});

test("once the server has stopped, nobody looks at the files", async () => {
  const { server, write, count } = await start();
  await server.close();
  write(await issueServer(authority));
  await pause(5 * LOOK_MS);
  expect(count("certificate_loaded")).toBe(1);
});
