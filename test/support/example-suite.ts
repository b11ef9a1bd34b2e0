/** What holds for every example of a service that delegates: its README's commands, and its guard while everything goes well and ill. */
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TEST_SETTINGS } from "./app.ts";
import { clientsOf } from "./clients.ts";
import { type DescribedCalls, describedCalls } from "./described-calls.ts";
import { copyExamples, stepsOfExample } from "./example-projects.ts";
import { type Followed, followReadme, openTerminal, type Served, type Terminal } from "./example-terminal.ts";
import { freePort } from "./free-port.ts";
import { tool } from "./installed-package.ts";
import { logIn, passwordOf, signUp } from "./people.ts";
import { refusalOf } from "./refusals.ts";

type Call = readonly [method: string, request: JsonObject];

/** An example of a service. */
export type ServiceExample = {
  readonly name: string;
  readonly service: string;
  readonly audience: string;
  /** How it is called. */
  readonly transportTo: (port: number) => Transport;
  /** What any signed-in user may call. */
  readonly allowed: Call;
  /** What an administrator may call, and why others may not. */
  readonly privileged: Call;
  readonly lacks: string;
  /** What streams until its caller may no more, and has something to tell at once. */
  readonly watched: Call;
};

/** How old the service's knowledge may be: a few checkpoints, so that a test can wait for it. */
const MAX_STALENESS_MS = 8_000;

/** That much has to pass, and what is waited for twice, to come. */
const LONG = { timeout: 60_000 };

/** The tests. */
export function serviceExampleSuite(example: ServiceExample): void {
  const { audience, allowed, privileged, watched } = example;
  const audiences = ["sallyport", audience];

  let parent: string;
  let folder: string;
  let sallyport: { readonly url: string; readonly port: number };
  let port: number;
  let terminal: Terminal;
  let servers: readonly Served[];
  let calls: DescribedCalls;
  let outputs: Followed["outputs"];

  beforeAll(async () => {
    parent = await copyExamples([example.name]);
    folder = join(parent, example.name);
    const sallyportPort = await freePort();
    port = await freePort();
    sallyport = { url: `http://127.0.0.1:${sallyportPort}`, port: sallyportPort };
    terminal = openTerminal(folder, {
      ...TEST_SETTINGS,
      SALLYPORT_PORT: String(sallyportPort),
      AUTH_URL: sallyport.url,
      PORT: String(port),
      MAX_STALENESS_MS: String(MAX_STALENESS_MS),
      [`${audience.toUpperCase()}_URL`]: `http://127.0.0.1:${port}`,
      [`${audience.toUpperCase()}_ADDRESS`]: `127.0.0.1:${port}`,
    });
    ({ servers, outputs } = await followReadme(folder, terminal));
    const described = join(folder, "described.binpb");
    await terminal.run(`${tool("buf")} build proto -o ${described}`);
    calls = describedCalls(described, example.service, example.transportTo(port));
    await terminal.run("npx sallyport users create root --role admin", passwordOf("root"));
  }, 240_000);

  afterAll(async () => {
    await terminal?.close();
    if (parent !== undefined) rmSync(parent, { recursive: true });
  });

  async function newcomer(username: string): Promise<string> {
    await signUp(sallyport, username);
    return (await logIn(sallyport, username, audiences)).tokens.accessToken;
  }

  const isServed = (token: string) =>
    calls.call(...allowed, token).then(
      () => "served",
      (error) => refusalOf(Promise.reject(error)).then(({ code, reason }) => `${code} ${reason}`),
    );

  describe(`The example ${example.name}`, () => {
    it("runs by the commands of its README, with the outputs that it shows", () => {
      expect(servers.length).toBe(2);
      expect(outputs.length).toBeGreaterThan(0);
      for (const { said, shown } of outputs) expect(said).toBe(shown);
    });

    it("serves who may: a user what is for users, an administrator the rest", async () => {
      expect(await isServed(await newcomer("ada"))).toBe("served");
      const root = await logIn(sallyport, "root", audiences);
      await expect(calls.call(...privileged, root.tokens.accessToken)).resolves.toBeTypeOf("object");
    });

    it("refuses who may not, each with a reason and a next step", async () => {
      const token = await newcomer("bob");
      const elsewhere = await logIn(sallyport, "bob", ["sallyport"]);
      const refusals = {
        nobody: calls.call(...allowed, ""),
        nonsense: calls.call(...allowed, "made.up.token"),
        refreshToken: calls.call(...allowed, elsewhere.tokens.refreshToken),
        elsewhere: calls.call(...allowed, elsewhere.tokens.accessToken),
        user: calls.call(...privileged, token),
        stream: calls.stream(...watched, "").next(),
      };
      const reasons = Object.entries(refusals).map(async ([who, call]) => {
        const { code, reason, nextStep } = await refusalOf(call);
        return [who, `${code} ${reason} ${nextStep}`];
      });
      expect(Object.fromEntries(await Promise.all(reasons))).toEqual({
        nobody: "Unauthenticated TOKEN_MISSING NEXT_STEP_LOG_IN",
        nonsense: "Unauthenticated TOKEN_INVALID NEXT_STEP_LOG_IN",
        refreshToken: "Unauthenticated TOKEN_INVALID NEXT_STEP_LOG_IN",
        elsewhere: "Unauthenticated AUDIENCE_MISMATCH null",
        user: `PermissionDenied ${example.lacks} null`,
        stream: "Unauthenticated TOKEN_MISSING NEXT_STEP_LOG_IN",
      });
    });

    it("ends a stream and refuses the token as soon as its user logs out", async () => {
      const token = await newcomer("cyd");
      const other = await newcomer("dot");
      await calls.call(...allowed, token);
      const stream = calls.stream(...watched, token);
      expect(await stream.next()).toMatchObject({ done: false });
      const ended = refusalOf(stream.next());
      await clientsOf(sallyport.url, token).auth.logout({});
      expect(await ended).toMatchObject({ code: "Unauthenticated", reason: "SESSION_REVOKED" });
      expect(await isServed(token)).toBe("Unauthenticated SESSION_REVOKED");
      expect(await isServed(other)).toBe("served");
    });

    it(
      "serves on while Sallyport is down, within the bound, then says that nobody can tell, and recovers",
      LONG,
      async () => {
        const token = await newcomer("eve");
        await servers[0]?.stop();
        expect(await isServed(token)).toBe("served");
        await expect.poll(() => isServed(token), { timeout: 20_000 }).toBe("Unavailable TOO_STALE");
        expect(await refusalOf(calls.call(...allowed, "made.up.token"))).toMatchObject({ code: "Unavailable" });
        await terminal.serve(stepsOfExample(folder).find(({ block }) => block.note === "server")?.block.text ?? "");
        await expect.poll(() => isServed(token), { timeout: 20_000 }).toBe("served");
        expect(servers[1]?.said()).toMatch(/^sallyport: disconnected .+\n(.+\n)*sallyport: stale /m);
      },
    );

    it("stops in good order: it says so on its streams, and is gone", async () => {
      const token = await newcomer("fay");
      await calls.call(...allowed, token);
      const stream = calls.stream(...watched, token);
      await stream.next();
      const ended = refusalOf(stream.next());
      await servers[1]?.stop();
      expect(await ended).toMatchObject({ code: "Unavailable", message: "the service stops" });
      await expect(calls.call(...allowed, "")).rejects.toThrow();
    });

    it("says what is wrong with its API key, and does not listen", async () => {
      writeFileSync(join(folder, "wrong-key"), `sallyport_svk_${"A".repeat(43)}\n`, { mode: 0o600 });
      const wrong = await terminal.serve("API_KEY_FILE=wrong-key exec node server.ts", /sallyport: refused .*\n/);
      expect(wrong.said()).toMatch(/^sallyport: refused .+/m);
      expect(wrong.said()).not.toContain("listening");
      expect(wrong.said()).not.toContain("AAAA");
      await wrong.stop();
      await expect(terminal.serve("API_KEY_FILE=no-key node server.ts")).rejects.toThrow(/no such file.*no-key/);
    });

    it("does not start with a method that has no rule, and names it", async () => {
      const [proto = ""] = globSync(join(folder, "proto/**/*.proto"));
      writeFileSync(proto, readFileSync(proto, "utf8").replace(/^ +option .*default_rule.*\n/m, ""));
      const [generate = ""] = (stepsOfExample(folder)[0]?.block.text ?? "").split("&&");
      await terminal.run(generate);
      const method = `${example.service}.${allowed[0]}`;
      await expect(terminal.serve("node server.ts")).rejects.toThrow(new RegExp(`AccessRuleError.*${method}`, "s"));
    });
  });
}
