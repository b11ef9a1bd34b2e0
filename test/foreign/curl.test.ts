/** Plain `curl`: JSON over HTTP/1.1, and over HTTP/2 with prior knowledge. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectError, describeCommandLine, describeCommandLineOn } from "./support/command-line.ts";
import { mustRun, run } from "./support/programs.ts";
import { startTarget, startTlsTarget, type Target, type TlsTarget } from "./support/target.ts";

const VERSIONS = [
  { version: "1.1", flag: "--http1.1" },
  { version: "2", flag: "--http2-prior-knowledge" },
];
const JSON_TYPE = ["--header", "content-type: application/json"];

/** Asks curl to print, behind the body, the status and the version that was spoken. */
async function curl(...args: string[]) {
  const printed = await mustRun("curl", [
    "--silent",
    "--show-error",
    "--write-out",
    "\n%{http_code} %{http_version}",
    ...args,
  ]);
  const at = printed.lastIndexOf("\n");
  const [status = "", version = ""] = printed.slice(at + 1).split(" ");
  return { status: Number(status), version, body: printed.slice(0, at) };
}

/** What curl is told of a server behind TLS; the version of HTTP is settled by ALPN. */
const trust = ({ caFile }: TlsTarget) => ["--cacert", caFile];
const identity = ({ certFile, keyFile }: TlsTarget) => ["--cert", certFile, "--key", keyFile];

for (const { version, flag } of [
  { version: "1.1", flag: "--http1.1" },
  { version: "2", flag: "--http2" },
]) {
  describeCommandLineOn(
    startTlsTarget,
    `curl over HTTP/${version} and TLS`,
    async (target, method, message, headers) => {
      const more = headers.flatMap((header) => ["--header", header]);
      const path = `${target.url}/sallyport.auth.v1.${method}`;
      const answer = await curl(flag, ...trust(target), ...JSON_TYPE, ...more, "--data", JSON.stringify(message), path);
      expect(answer.version).toBe(version);
      return answer.status === 200 ? { message: JSON.parse(answer.body) } : connectError(answer.body);
    },
  );
}

it("curl believes no server that it was not told of, and is not let in without a certificate where one is asked", async () => {
  const target = await startTlsTarget({ mutual: true });
  const listUsers = [...JSON_TYPE, "--data", "{}", `${target.url}/sallyport.auth.v1.AdminService/ListUsers`];
  expect((await run("curl", ["--silent", ...identity(target), target.url])).code).toBe(60);
  expect((await run("curl", ["--silent", ...trust(target), target.url])).code).not.toBe(0);
  const asOrders = await curl(...trust(target), ...identity(target), ...listUsers);
  expect([asOrders.status, asOrders.version, JSON.parse(asOrders.body)]).toEqual([200, "2", {}]);
  const cleartext = await run("curl", ["--silent", target.url.replace("https:", "http:")]);
  expect(cleartext).toMatchObject({ stdout: "" });
  expect(cleartext.code).not.toBe(0);
  await target.close();
});

for (const { version, flag } of VERSIONS) {
  describeCommandLine(`curl over HTTP/${version}`, async ({ url }, method, message, headers) => {
    const more = headers.flatMap((header) => ["--header", header]);
    const path = `${url}/sallyport.auth.v1.${method}`;
    const answer = await curl(flag, ...JSON_TYPE, ...more, "--data", JSON.stringify(message), path);
    expect(answer.version).toBe(version);
    return answer.status === 200 ? { message: JSON.parse(answer.body) } : connectError(answer.body);
  });
}

describe.each(VERSIONS)("Plain HTTP/$version with curl", ({ flag }) => {
  let target: Target;
  beforeAll(async () => {
    target = await startTarget();
  });
  afterAll(() => target.close());

  it("finds out what this is, whether it is well, and the keys", async () => {
    expect(JSON.parse((await curl(flag, target.url)).body)).toMatchObject({ name: "sallyport" });
    expect((await curl(flag, `${target.url}/healthz`)).status).toBe(200);
    expect((await curl(flag, `${target.url}/readyz`)).status).toBe(200);
    const { body } = await curl(flag, `${target.url}/.well-known/jwks.json`);
    expect(JSON.parse(body)).toMatchObject({ keys: expect.arrayContaining([expect.objectContaining({ kty: "EC" })]) });
    expect(body).not.toContain('"d":');
  });

  it("is refused: a path that is not there, a GET of an RPC, a body that is no JSON", async () => {
    const authorize = `${target.url}/sallyport.auth.v1.AuthService/Authorize?encoding=json&message=%7B%7D&connect=v1`;
    const login = `${target.url}/sallyport.auth.v1.AuthService/Login`;
    expect((await curl(flag, `${target.url}/nothing`)).status).toBe(404);
    expect((await curl(flag, authorize)).status).toBe(405);
    expect((await curl(flag, ...JSON_TYPE, "--data", "{", login)).status).toBe(400);
  });
});

// Over HTTP/2 curl 7.88 loses an answer that comes before it has sent the body, whatever server gives it.
it("curl over HTTP/1.1 is refused before its body is read: one that is too large, one of another type", async () => {
  const target = await startTarget();
  const login = `${target.url}/sallyport.auth.v1.AuthService/Login`;
  const large = JSON.stringify({ identifier: "ada", password: "x".repeat(70_000) });
  expect((await curl("--http1.1", ...JSON_TYPE, "--data", large, login)).status).toBe(429);
  expect((await curl("--http1.1", "--data", "identifier=ada&password=x", login)).status).toBe(415);
  await target.close();
});
