/** What holds for the examples as they stand; tests of the package, and foreign ones, run them. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXAMPLES, NODE_EXAMPLES, needsOf } from "../support/example-projects.ts";
import { MANIFEST } from "../support/installed-package.ts";
import { localLinksOf } from "../support/markdown.ts";

const read = (...path: string[]) => readFileSync(join(EXAMPLES, ...path), "utf8");
const examples = readdirSync(EXAMPLES, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

describe("The examples", () => {
  it("are all in the table, with a README each", () => {
    const rows = read("README.md").match(/^\| \[.*$/gm) ?? [];
    const named = rows.flatMap((row) => row.match(/(?<=\[`)[\w-]+(?=`\]\()/g) ?? []);
    expect(named.sort()).toEqual(examples.sort());
    const linked = localLinksOf(read("README.md"));
    expect(linked.filter((link) => !existsSync(join(EXAMPLES, link)))).toEqual([]);
    expect(linked.length).toBe(examples.length);
  });

  it.each(examples)("of %s have a README of ten lines, title and output apart, whose links lead somewhere", (name) => {
    const page = read(name, "README.md");
    const told = page.replaceAll(/^```(text|json)\n.*?^```$/gms, "").split("\n");
    expect(told.filter((line) => /^(?!# |```)./.test(line)).length).toBeLessThanOrEqual(10);
    const dead = localLinksOf(page).filter((link) => !existsSync(join(EXAMPLES, name, link.split("#")[0] ?? "")));
    expect(dead).toEqual([]);
  });

  it.each(NODE_EXAMPLES)(
    "of %s ask for the package that npm pack makes, and for exact versions that we use",
    (name) => {
      const { sallyport, ...others } = needsOf(name);
      expect(sallyport).toBe(`file:../../sallyport-${MANIFEST.version}.tgz`);
      const ours: Readonly<Record<string, string>> = { ...MANIFEST.dependencies, ...MANIFEST.devDependencies };
      const wanted = Object.keys(others).map((each) => [each, ours[each]]);
      expect(others).toEqual(Object.fromEntries(wanted));
    },
  );

  it.each(NODE_EXAMPLES)("of %s import nothing that they do not ask for", (name) => {
    const files = globSync("*.ts", { cwd: join(EXAMPLES, name) });
    const imported = files.flatMap((file) => [...read(name, file).matchAll(/ from "([^"./][^"]*)";$/gm)]);
    const packages = imported.map(([, specifier = ""]) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
    const missing = packages.filter((each) => !each.startsWith("node:") && !Object.hasOwn(needsOf(name), each));
    expect(missing).toEqual([]);
    expect(packages).toContain("sallyport");
  });
});
