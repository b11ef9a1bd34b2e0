/** Calls from browsers of other origins. */
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../support/wire-raw.ts";
import { startWireServer } from "../support/wire-server.ts";

const AUTHORIZE = "/sallyport.auth.v1.AuthService/Authorize";
const LISTED = "https://app.example";
const config = { allowedOrigins: [LISTED, "http://localhost:3000"] };

const preflight = (origin: string, path = AUTHORIZE) => ({
  method: "OPTIONS",
  path,
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,connect-protocol-version",
  },
});

const list = (value: unknown) =>
  String(value)
    .split(",")
    .map((name) => name.trim().toLowerCase());

const corsHeaders = (headers: object) => Object.keys(headers).filter((name) => name.startsWith("access-control-"));

describe.each(VERSIONS)("over %s", (_version, ask) => {
  test("a preflight from a listed origin is allowed everything that the three protocols send", async () => {
    const { port, calls } = await startWireServer({ config });
    const { status, headers, body } = await ask(port, preflight(LISTED));
    expect(status).toBe(204);
    expect(body).toHaveLength(0);
    expect(headers["access-control-allow-origin"]).toBe(LISTED);
    expect(list(headers["access-control-allow-methods"])).toEqual(expect.arrayContaining(["post", "get"]));
    expect(list(headers["access-control-allow-headers"])).toEqual(
      expect.arrayContaining([
        "authorization",
        "content-type",
        "connect-protocol-version",
        "connect-timeout-ms",
        "grpc-timeout",
        "x-grpc-web",
        "x-user-agent",
      ]),
    );
    expect(Number(headers["access-control-max-age"])).toBeGreaterThan(0);
    expect(headers.vary).toBe("Origin");
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
    expect(calls).toHaveLength(0);
  });

  test("an answer to a listed origin may be read by it, with the headers that clients need", async () => {
    const { port } = await startWireServer({ config });
    const { status, headers } = await ask(port, {
      method: "POST",
      path: AUTHORIZE,
      headers: { origin: LISTED, "content-type": "application/json" },
      body: "{}",
    });
    expect(status).toBe(200);
    expect(headers["access-control-allow-origin"]).toBe(LISTED);
    expect(headers.vary).toBe("Origin");
    expect(list(headers["access-control-expose-headers"])).toEqual(
      expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]),
    );
  });

  test("errors and plain HTTP may be read by listed origins too", async () => {
    const { port } = await startWireServer({ config });
    for (const path of ["/", "/.well-known/jwks.json", "/nothing", AUTHORIZE]) {
      const { headers } = await ask(port, { path, headers: { origin: LISTED } });
      expect(headers["access-control-allow-origin"]).toBe(LISTED);
    }
  });

  test.each([
    "https://evil.example",
    "https://app.example.evil.example",
    "http://app.example",
    "https://app.example:8443",
    "null",
    "*",
  ])("%s is not listed and gets no CORS headers", async (origin) => {
    const { port } = await startWireServer({ config });
    const refused = await ask(port, preflight(origin));
    expect(refused.status).toBe(405);
    expect(corsHeaders(refused.headers)).toEqual([]);
    expect(refused.headers.vary).toBe("Origin");
    const answer = await ask(port, { path: "/", headers: { origin } });
    expect(corsHeaders(answer.headers)).toEqual([]);
    expect(answer.headers.vary).toBe("Origin");
  });

  test("without listed origins nothing is said about origins", async () => {
    const { port } = await startWireServer();
    const answer = await ask(port, preflight(LISTED));
    expect(answer.status).toBe(405);
    expect(corsHeaders(answer.headers)).toEqual([]);
    expect(answer.headers.vary).toBeUndefined();
  });
});
