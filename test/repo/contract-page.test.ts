/** docs/contract.md: that it is what the protos say, whole, and leads nowhere that is not there. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readContract } from "../../scripts/contract/descriptors.ts";
import { contractPage } from "../../scripts/contract/page.ts";
import { REASONS } from "../../src/errors.ts";
import { temporaryFolder } from "../support/app.ts";
import { anchorsOf, localLinksOf } from "../support/markdown.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/contract.md"), "utf8");
const contract = readContract(join(root, "proto"));

describe("docs/contract.md", () => {
  it("is what the protos say; `npm run docs` writes it", () => {
    expect(page).toBe(contractPage(contract));
  });

  it("tells of every RPC, type, field and value, and of every error reason", () => {
    const headings = new Set(page.match(/(?<=^#{2,4} ).+$/gm));
    const cells = new Set(page.match(/(?<=^\| (└ |<a id="\w+"><\/a>)?`)\w+(?=`)/gm));
    const { files } = contract;
    const types = files.flatMap(({ messages, enums }) => [...messages, ...enums]);
    const methods = files.flatMap(({ services }) => services.flatMap((service) => service.methods));
    const titles = [...types.map(({ name }) => name), ...methods.map(({ parent, name }) => `${parent.name}.${name}`)];
    expect(titles.filter((title) => !headings.has(title))).toEqual([]);
    const fields = files.flatMap(({ messages }) => messages.flatMap((message) => message.fields));
    const values = types.flatMap((type) => (type.kind === "enum" ? type.values : []));
    const told = [...fields, ...values].map(({ name }) => name).filter((name) => name !== "ERROR_REASON_UNSPECIFIED");
    expect(told.filter((name) => !cells.has(name))).toEqual([]);
    expect(Object.keys(REASONS).filter((reason) => !cells.has(`ERROR_REASON_${reason}`))).toEqual([]);
  });

  it("has no row without a meaning", () => {
    const rows = page.match(/^\| (?!---).*\|$/gm) ?? [];
    expect(rows.length).toBeGreaterThan(200);
    expect(rows.filter((row) => / \| +\|$/.test(row))).toEqual([]);
  });

  it("leads only to what is on it, and has each of its anchors once", () => {
    const anchors = anchorsOf(page);
    expect(new Set(anchors).size).toBe(anchors.length);
    const links = localLinksOf(page).filter((link) => link.startsWith("#"));
    expect(links.length).toBeGreaterThan(200);
    expect(links.filter((link) => !anchors.includes(link.slice(1)))).toEqual([]);
  });
});

describe("The page of a contract", () => {
  let folder: string;
  beforeAll(() => {
    folder = temporaryFolder();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The contract with one more file. */
  function contractWith(name: string, body: string) {
    const proto = join(folder, name);
    cpSync(join(root, "proto"), proto, { recursive: true });
    mkdirSync(join(proto, `sallyport/${name}/v1`), { recursive: true });
    writeFileSync(
      join(proto, `sallyport/${name}/v1/${name}.proto`),
      `syntax = "proto3";\npackage sallyport.${name}.v1;\nimport "buf/validate/validate.proto";\n${body}\n`,
    );
    return readContract(proto);
  }

  it("is not written if a bound has no words yet", () => {
    const field = "string word = 1 [(buf.validate.field).string.email = true];";
    expect(() => contractPage(contractWith("bounds", `message Bounded { ${field} }`))).toThrow(
      "no words for the rule string.email",
    );
  });

  it("is not written if two types would share an anchor", () => {
    const other = contractWith("twins", "message User { string word = 1 [(buf.validate.field).required = true]; }");
    expect(() => contractPage(other)).toThrow("two headings of the contract are the same");
  });

  it("is not written if a method states no access rule", () => {
    const service = "message Ask {}\nmessage Told {}\nservice OpenService { rpc Answer(Ask) returns (Told); }";
    expect(() => contractPage(contractWith("rules", service))).toThrow("an access rule says nothing");
  });
});
