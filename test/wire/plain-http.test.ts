/** Plain HTTP beside the RPCs, over both HTTP versions. */
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../support/wire-raw.ts";
import { JWKS, startWireServer } from "../support/wire-server.ts";

const AUTHORIZE = "/sallyport.auth.v1.AuthService/Authorize";

describe.each(VERSIONS)("%s", (_version, ask) => {
  test("GET / tells what this is and where to look", async () => {
    const { port } = await startWireServer();
    const answer = await ask(port, { path: "/" });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      name: "sallyport",
      version: "1.2.3",
      issuer: "https://issuer.example",
      services: expect.arrayContaining(["sallyport.auth.v1.AuthService"]),
      jwks: "/.well-known/jwks.json",
      health: { alive: "/healthz", ready: "/readyz", grpc: "grpc.health.v1.Health" },
      reflection: ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
    });
  });

  test("every answer names its request, and no two alike", async () => {
    const { port } = await startWireServer();
    const paths = ["/", "/healthz", "/readyz", "/.well-known/jwks.json", "/nothing", AUTHORIZE, "/"];
    const answers = await Promise.all(paths.map((path) => ask(port, { path })));
    const ids = answers.map(({ headers }) => headers["x-request-id"]);
    expect(ids).toEqual(paths.map(() => expect.stringMatching(/^req_[0-9a-f-]{36}$/)));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("the key set may be kept for five minutes", async () => {
    const { port } = await startWireServer();
    const answer = await ask(port, { path: "/.well-known/jwks.json" });
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("public, max-age=300");
    expect(answer.headers["content-type"]).toBe("application/jwk-set+json");
    expect(JSON.parse(answer.body.toString())).toEqual(JWKS);
  });

  test("whoever has the current key set gets 304, by any form of If-None-Match", async () => {
    const { port } = await startWireServer();
    const path = "/.well-known/jwks.json";
    const { etag = "" } = (await ask(port, { path })).headers;
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await ask(port, { path, headers: { "if-none-match": value } });
      expect(answer.status).toBe(304);
      expect(answer.headers.etag).toBe(etag);
      expect(answer.body).toHaveLength(0);
    }
    expect((await ask(port, { path, headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  test("a rotation changes the ETag, so that the old one brings the new keys", async () => {
    let jwks: object = JWKS;
    const { port } = await startWireServer({ jwks: () => jwks });
    const path = "/.well-known/jwks.json";
    const { etag = "" } = (await ask(port, { path })).headers;
    jwks = { keys: [] };
    const answer = await ask(port, { path, headers: { "if-none-match": etag } });
    expect(answer.status).toBe(200);
    expect(answer.headers.etag).not.toBe(etag);
    expect(JSON.parse(answer.body.toString())).toEqual({ keys: [] });
  });

  test("/healthz is well while the process lives, /readyz only while it can serve", async () => {
    let ready = true;
    const { port } = await startWireServer({ isReady: () => ready });
    expect((await ask(port, { path: "/readyz" })).status).toBe(200);
    ready = false;
    const unready = await ask(port, { path: "/readyz" });
    expect(unready.status).toBe(503);
    expect(JSON.parse(unready.body.toString())).toEqual({ status: "not_ready" });
    expect((await ask(port, { path: "/healthz" })).status).toBe(200);
  });

  test("HEAD brings the headers of GET and no body", async () => {
    const { port } = await startWireServer();
    for (const path of ["/", "/healthz", "/readyz", "/.well-known/jwks.json"]) {
      const [head, get] = await Promise.all([ask(port, { method: "HEAD", path }), ask(port, { path })]);
      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      expect(head.headers["content-length"]).toBe(String(get.body.length));
    }
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])(
    "%s is not for reading: 405, and which methods are",
    async (method) => {
      const { port } = await startWireServer();
      for (const path of ["/", "/healthz", "/readyz", "/.well-known/jwks.json"]) {
        const answer = await ask(port, { method, path });
        expect(answer.status).toBe(405);
        expect(answer.headers.allow).toBe("GET, HEAD");
      }
    },
  );

  test.each(["GET", "HEAD", "PUT", "DELETE"])("%s of an RPC is 405, and POST is named", async (method) => {
    const { port, calls } = await startWireServer();
    const answer = await ask(port, { method, path: AUTHORIZE });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe("POST");
    expect(calls).toHaveLength(0);
  });

  test("keys that cannot be told are a fault of ours: 500, and an error in the log", async () => {
    const jwks = () => {
      throw new Error("no keys");
    };
    const { port, line } = await startWireServer({ jwks });
    const answer = await ask(port, { path: "/.well-known/jwks.json" });
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain("no keys");
    expect(await line({ event: "http" })).toMatchObject({ level: "error", cause: { message: "no keys" } });
    expect((await ask(port, { path: "/healthz" })).status).toBe(200);
  });

  test("a path that is not here is 404 with a JSON body", async () => {
    const { port } = await startWireServer();
    for (const path of ["/nothing", "/.well-known/openid-configuration", `${AUTHORIZE}/`, "//", "/%2e%2e/etc/passwd"]) {
      const answer = await ask(port, { path });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "not_found" });
    }
  });

  test("a content type that no protocol has is 415", async () => {
    const { port, calls } = await startWireServer();
    const answer = await ask(port, {
      method: "POST",
      path: AUTHORIZE,
      headers: { "content-type": "text/plain" },
      body: "{}",
    });
    expect(answer.status).toBe(415);
    expect(calls).toHaveLength(0);
  });
});
