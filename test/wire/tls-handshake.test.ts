/** What a client must do to be heard on a port that speaks TLS, and what becomes of one that does not. */
import type { ConnectionOptions } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Authority, createAuthority, issueServer, type Pair, writeTlsFiles } from "../support/certificates.ts";
import { rawConnection } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";
import { askTls1, tlsConnection } from "../support/wire-tls.ts";

const GET = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** The header of a TLS record that announces a ClientHello of 512 bytes. */
const HELLO_HEADER = Buffer.from("1603010200010001fc0303", "hex");

let authority: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await createAuthority();
  pair = await issueServer(authority);
});

const start = (timeouts: NonNullable<Parameters<typeof startWireServer>[0]>["timeouts"] = {}) =>
  startWireServer({ tls: writeTlsFiles(pair).files, timeouts });
const trust = () => ({ ca: authority.cert });
const isAlive = async (port: number) => (await askTls1(port, trust(), { path: "/healthz" })).status === 200;

describe("A client of TLS", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("is heard in %s", async (version) => {
    const { port } = await start();
    const versions = { minVersion: version, maxVersion: version };
    const { socket, received, secured, closed } = tlsConnection(port, { ...trust(), ...versions });
    await secured;
    expect(socket.getProtocol()).toBe(version);
    socket.write(GET);
    await closed;
    expect(received().toString()).toContain("alive");
  });

  test.each(["TLSv1", "TLSv1.1"] as const)("is refused in %s, and told why", async (version) => {
    const { port } = await start();
    // The lowest level of security lets this client say what it otherwise would not.
    const old: ConnectionOptions = { minVersion: version, maxVersion: version, ciphers: "DEFAULT:@SECLEVEL=0" };
    const { secured, closed, received } = tlsConnection(port, { ...trust(), ...old });
    await expect(secured).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
    await closed;
    expect(received()).toHaveLength(0);
    expect(await isAlive(port)).toBe(true);
  });

  test.each([
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [["spdy/3", "http/1.1"], "http/1.1"],
    [undefined, false],
  ])("that offers %j speaks %j", async (offered, chosen) => {
    const { port } = await start();
    const connection = tlsConnection(port, { ...trust(), ...(offered && { ALPNProtocols: offered }) });
    await connection.secured;
    expect(connection.socket.alpnProtocol).toBe(chosen);
    connection.socket.write(chosen === "h2" ? Buffer.concat([PREFACE, EMPTY_SETTINGS]) : GET);
    const SETTINGS = 4;
    if (chosen === "h2") await until(() => connection.received()[3] === SETTINGS, "the server's settings");
    else await until(() => connection.received().includes("alive"), "the answer");
  });

  test("that offers only protocols which are not spoken here is refused", async () => {
    const { port } = await start();
    const { secured } = tlsConnection(port, { ...trust(), ALPNProtocols: ["spdy/3"] });
    await expect(secured).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" });
    expect(await isAlive(port)).toBe(true);
  });

  test.each([
    ["offers HTTP/1.1 and speaks HTTP/2", ["http/1.1"], PREFACE],
    ["offers nothing and speaks HTTP/2", undefined, PREFACE],
    ["offers HTTP/2 and speaks HTTP/1.1", ["h2"], Buffer.from(GET)],
    ["offers HTTP/2 and speaks TLS once more", ["h2"], HELLO_HEADER],
  ])("that %s is closed", async (_what, offered, bytes) => {
    const { port, lines } = await start();
    const connection = tlsConnection(port, { ...trust(), ...(offered && { ALPNProtocols: offered }) });
    await connection.secured;
    connection.socket.write(bytes);
    await connection.closed;
    expect(connection.received().toString()).not.toContain("alive");
    expect(lines.filter(({ event }) => event === "http")).toEqual([]);
    expect(await isAlive(port)).toBe(true);
  });

  test.each([
    ["HTTP/1.1", ["http/1.1"], { headersMs: 50, requestMs: 50, checkMs: 10 }],
    ["HTTP/2", ["h2"], { idleMs: 50 }],
  ])("that asks nothing over %s once it has shaken hands is closed", async (_version, ALPNProtocols, timeouts) => {
    const { port, calls } = await start(timeouts);
    const { secured, closed } = tlsConnection(port, { ...trust(), ALPNProtocols });
    await secured;
    await closed;
    expect(calls).toEqual([]);
  });

  test("may not shake hands anew on the same connection", async () => {
    const { port } = await start();
    const { socket, secured } = tlsConnection(port, { ...trust(), maxVersion: "TLSv1.2" });
    await secured;
    const error = await new Promise<Error | null>((resolve) => {
      socket.renegotiate({}, resolve);
      socket.once("close", () => resolve(new Error("closed")));
    });
    expect(error).not.toBeNull();
  });

  test("is closed on a port that speaks cleartext", async () => {
    const { port } = await startWireServer();
    const { secured, closed } = tlsConnection(port, trust());
    await expect(secured).rejects.toMatchObject({ code: "ERR_SSL_WRONG_VERSION_NUMBER" });
    await closed;
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });
});

describe("A connection that does not speak TLS", () => {
  test.each([
    ["HTTP/1.1 in cleartext", Buffer.from(GET)],
    ["HTTP/2 in cleartext", Buffer.concat([PREFACE, EMPTY_SETTINGS])],
    ["garbage", Buffer.from("\u0000\u0001\u0002 nothing at all\r\n\r\n")],
    ["a record without a hello", Buffer.from("1703030005aaaaaaaaaa", "hex")],
    ["a hello that is none", Buffer.concat([HELLO_HEADER, Buffer.alloc(506, 0xff)])],
    ["a record that is too long", Buffer.concat([Buffer.from("160301ffff", "hex"), Buffer.alloc(65_535)])],
  ])("but %s is closed, and nothing of it is read as a request", async (_what, bytes) => {
    const { port, lines } = await start();
    const { socket, received, closed } = await rawConnection(port);
    socket.write(bytes);
    await closed;
    expect(received().toString("latin1")).not.toContain("HTTP/1.1");
    expect(lines.filter(({ event }) => event === "http" || event === "request")).toEqual([]);
    expect(lines.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
    expect(await isAlive(port)).toBe(true);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["half a hello", HELLO_HEADER],
  ])("but sends %s, and then nothing more, is closed", async (_what, bytes) => {
    const { port } = await start({ prefaceMs: 50 });
    const { socket, closed } = await rawConnection(port);
    if (bytes.length > 0) socket.write(bytes);
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  test("but sends its hello byte by byte for ever is closed when its time is up", async () => {
    const { port } = await start({ prefaceMs: 100 });
    const { socket, closed } = await rawConnection(port);
    socket.write(HELLO_HEADER);
    let sent = 0;
    const drip = setInterval(() => {
      socket.write(Buffer.from([0]));
      sent += 1;
    }, 10);
    onTestFinished(() => clearInterval(drip));
    await closed;
    // The rest of the hello would have taken five seconds.
    expect(sent).toBeLessThan(500);
  });

  test("but ends, or is reset, in the middle of its hello does no harm", async () => {
    const { port } = await start();
    const ending = await rawConnection(port);
    ending.socket.end(HELLO_HEADER);
    const resetting = await rawConnection(port);
    resetting.socket.write(HELLO_HEADER);
    resetting.socket.resetAndDestroy();
    await Promise.all([ending.closed, resetting.closed]);
    expect(await isAlive(port)).toBe(true);
  });
});

test("a hundred connections that do not get on with their handshakes keep nobody else waiting", async () => {
  const { port } = await start();
  const idle = await Promise.all(Array.from({ length: 100 }, () => rawConnection(port)));
  for (const { socket } of idle) socket.write(HELLO_HEADER);
  expect(await isAlive(port)).toBe(true);
  expect(idle.every(({ socket }) => !socket.destroyed)).toBe(true);
});
