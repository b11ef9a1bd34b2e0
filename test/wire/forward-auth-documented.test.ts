/** docs/forward-auth.md says what is: a proxy's operator has nothing else to go by. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { eventually } from "../support/eventually.ts";
import { askForward } from "../support/forward-auth.ts";
import { type Person, welcome } from "../support/people.ts";
import { blocksOf } from "../support/readme.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/forward-auth.md"), "utf8");
const blocks = blocksOf(page);

let app: TestApp;
let grace: Person;
beforeAll(async () => {
  app = await startApp();
  grace = await welcome(app, "grace");
});
afterAll(() => app.close());

const ask = (query: string) => askForward(app, query, `Bearer ${grace.tokens.accessToken}`);

describe("The page on forward authentication", () => {
  it("asks a question that is answered as it shows, header by header", async () => {
    const [, query = ""] = /forward-auth\?([^']+)'/.exec(blocks[0]?.text ?? "") ?? [];
    const [first, ...lines] = blocks[1]?.text.trim().split("\n") ?? [];
    const { status, headers } = await ask(query);
    expect([first, status]).toEqual(["HTTP/1.1 200 OK", 200]);
    const kindOf = (value: string) =>
      value.replace(/[0-9a-f]{8}(-[0-9a-f]{4,12}){4}/, "<uuid>").replace(/^\d.*Z$/, "<time>");
    const shown = lines.map((line) => line.split(": ")).map(([name, value = ""]) => [name, kindOf(value)]);
    const real = Object.entries(headers).filter(([name]) => name.startsWith("x-sallyport-"));
    expect(shown).toEqual(real.map(([name, value]) => [name, kindOf(String(value))]));
    expect(shown).toHaveLength(6);
  });

  it("lists every parameter, and no other is taken", async () => {
    const listed = [...page.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name = ""]) => name);
    const values: Readonly<Record<string, string>> = {
      audience: "",
      any_role: "user",
      all_permissions: "a:b",
      max_auth_age: "300s",
    };
    expect(listed).toEqual(Object.keys(values));
    const query = listed.map((name) => `${name}=${values[name]}`).join("&");
    expect((await ask(query)).status).toBe(403);
    expect((await ask(query.replace("&all_permissions=a:b", ""))).status).toBe(200);
    for (const other of ["min_revision=1", "max_staleness=1s", "access_token=x"])
      expect((await ask(`${query}&${other}`)).status).toBe(400);
  });

  it("shows the body of a refusal as it is", async () => {
    const { text = "" } = blocks.find(({ language }) => language === "json") ?? {};
    app.clock.advance(600_000);
    await eventually(async () => (await ask("audience=")).told).toEqual(JSON.parse(text));
  });
});
