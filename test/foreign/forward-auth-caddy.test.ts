/** Caddy with `forward_auth`, by examples/forward-auth-caddy. */
import { expect, it, onTestFinished } from "vitest";
import { type ProxyKind, replaceThe, startApplication, startProxy } from "./support/proxy.ts";
import { describeProxy } from "./support/proxy-suite.ts";
import { startTarget } from "./support/target.ts";

const CADDY: ProxyKind = {
  name: "Caddy",
  example: "forward-auth-caddy",
  file: "Caddyfile",
  command: () => ["caddy", "run"],
};

describeProxy(CADDY, {
  misconfigured: 400,
  unreachable: 502,
  holding: (apiKey) => ({ env: { SALLYPORT_API_KEY: apiKey } }),
});

it("Caddy passes its client's query on where its own configuration has none: then nobody is let in", async () => {
  const target = await startTarget();
  onTestFinished(() => target.close());
  const application = await startApplication();
  onTestFinished(() => application.close());
  const proxy = await startProxy(CADDY, {
    sallyport: target.address,
    application: application.address,
    edit: (text) => replaceThe("uri /forward-auth?audience=pages&any_role=editor,admin", "uri /forward-auth", text),
  });
  onTestFinished(() => proxy.close());
  for (const path of ["/", "/?any_role=user", "/?page=2"]) {
    const response = await fetch(`${proxy.url}${path}`);
    expect([response.status, await response.json()]).toMatchObject([400, { reason: "ERROR_REASON_REQUEST_INVALID" }]);
  }
});
