/** What is in a request, wherever it stands, forges nothing in the log. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { type Clients, clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { INJECTIONS, unseenIn } from "../support/log-injections.ts";
import { passwordOf, welcomeAdmin } from "../support/people.ts";
import { ask1, ask2 } from "../support/wire-raw.ts";

const CASES = Object.entries(INJECTIONS);
const LOGIN = "/sallyport.auth.v1.AuthService/Login";
const ORIGIN = "https://shop.example";

describe("Of what is in a request", () => {
  let app: TestApp;
  let admin: Clients["admin"];

  beforeAll(async () => {
    app = await startApp({ settings: { SALLYPORT_ALLOWED_ORIGINS: ORIGIN } });
    admin = (await welcomeAdmin(app)).admin;
  });
  afterAll(() => app.close());

  /** What is logged while the work is done; one line for each of `requests`, events apart. */
  async function loggedDuring(requests: number, work: () => Promise<unknown>): Promise<string> {
    const before = app.logText().length;
    await work();
    const added = () => app.logText().slice(before);
    const ofRequests = () => added().match(/"event":"(?:request|http)"/g) ?? [];
    await eventually(() => ofRequests().length).toBe(requests);
    return added();
  }

  /** Fails unless every line is one event of ours, and nothing of the text is in any. */
  function expectUnharmed(lines: string, text: string): void {
    expect(unseenIn(lines)).toEqual([]);
    for (const line of lines.split("\n").slice(0, -1)) {
      const { event, ...rest }: { event: string } = JSON.parse(line);
      expect(event).toMatch(/^(request|http|login_refused|login|user_created|role_set|service_created)$/);
      expect(JSON.stringify([event, rest])).not.toMatch(/forged/);
    }
    expect(lines).not.toContain(JSON.stringify(text).slice(1, -1));
  }

  describe.each(CASES)("%s", (_what, text) => {
    it("reaches no line from a field that somebody types into", async () => {
      const password = passwordOf(text);
      const forms = WIRE_FORMS.filter(({ name }) => /^(Connect JSON over HTTP\/1.1|gRPC over HTTP\/2)$/.test(name));
      const lines = await loggedDuring(forms.length * 9, async () => {
        for (const { transport } of forms) {
          const { auth } = clientsOf(app.url, "", transport);
          await Promise.allSettled([
            auth.signup({ username: text, password }),
            auth.signup({ username: `user${text}`, email: `a${text}@example.com`, password: text }),
            auth.login({ identifier: text, password: text, deviceName: text }),
            auth.login({ identifier: `a${text}@example.com`, password, audiences: [text] }),
            auth.refresh({ refreshToken: text }),
            admin.setRole({ name: text, permissions: [text] }),
            admin.createService({ name: text, permissions: [text] }),
            admin.deleteRole({ name: text }),
            auth.login({ identifier: "root", password: passwordOf("root"), deviceName: text }),
          ]);
        }
      });
      expectUnharmed(lines, text);
    });

    it("reaches no line from a path or a query, whatever the method", async () => {
      const encoded = encodeURIComponent(text);
      const headers = { "content-type": "application/json" };
      const paths = [`/forged${encoded}/Do`, `${LOGIN}${encoded}`, `${LOGIN}?forged=${encoded}`, `/?forged${encoded}`];
      const lines = await loggedDuring(paths.length * 4, async () => {
        for (const path of paths) {
          for (const ask of [ask1, ask2]) {
            await ask(app.port, { method: "POST", path, headers, body: "{}" });
            await ask(app.port, { path });
          }
        }
      });
      expectUnharmed(lines, text);
    });

    it("reaches no line from a header, be its bytes what they may", async () => {
      const names = [
        "user-agent",
        "x-request-id",
        "traceparent",
        "tracestate",
        "origin",
        "x-forwarded-for",
        "forwarded",
      ];
      const others = ["referer", "cookie", "connect-timeout-ms", "grpc-timeout", "accept-encoding", "content-encoding"];
      for (const name of [...names, ...others, "authorization", "content-type", "host"]) {
        expectUnharmed(await loggedBy(`${name}: forged${text}\r\n`), text);
      }
    });
  });

  it("a request with a harmless header is one line", async () => {
    const lines = await loggedBy("user-agent: harmless\r\n");
    expect(lines.split("\n")).toEqual([expect.stringContaining('"event":"request"'), ""]);
  });

  /** What is logged of a request with this header, written to the connection as it is: Node answers or cuts it off. */
  async function loggedBy(header: string): Promise<string> {
    const before = app.logText().length;
    const socket = connect({ host: "127.0.0.1", port: app.port });
    onTestFinished(() => void socket.destroy());
    const fields = ["Host: a", "Content-Type: application/json", "Content-Length: 2", "Connection: close"];
    const isNamed = (field: string) =>
      header.toLowerCase().startsWith(field.slice(0, field.indexOf(":")).toLowerCase());
    const head = fields.filter((field) => !isNamed(field)).join("\r\n");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {}).resume();
    socket.end(`POST ${LOGIN} HTTP/1.1\r\n${head}\r\n${header}\r\n{}`);
    await closed;
    return app.logText().slice(before);
  }
});
