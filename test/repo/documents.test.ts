/** What is written for people: that it leads somewhere, and names what there is. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { anchorsOf, localLinksOf } from "../support/markdown.ts";

const root = join(import.meta.dirname, "../..");
const pages = globSync(["*.md", "docs/**/*.md", "test/foreign/*.md"], { cwd: root }).sort();
const read = (page: string) => readFileSync(join(root, page), "utf8");

/** Whether the link on `page` leads to a file that is there, and to a heading that is on it. */
function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", anchor = ""] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === "" || anchorsOf(read(target)).includes(anchor);
}

describe("The documents", () => {
  it.each(pages)("of %s lead only to what is there", (page) => {
    expect(localLinksOf(read(page)).filter((link) => !leadsSomewhere(page, link))).toEqual([]);
  });

  it("are found from the README, every page of docs/ but the single decisions", () => {
    const linked = localLinksOf(read("README.md")).map((link) => link.split("#")[0]);
    const wanted = pages.filter((page) => !/^(README|docs\/decisions\/|test\/)/.test(page));
    expect(wanted.length).toBeGreaterThan(5);
    expect(wanted.filter((page) => !linked.includes(page))).toEqual([]);
  });

  it("name only files that exist, in CONTRIBUTING.md", () => {
    const named = read("CONTRIBUTING.md").match(/(?<=`)(src|test|proto|docs|scripts)\/[\w./-]*(?=`)/g) ?? [];
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("name only scripts that package.json has", () => {
    const named = pages.flatMap((page) => [...read(page).matchAll(/\bnpm run (?:-s )?([\w:]+)/g)]);
    const scripts: readonly string[] = Object.keys(packageJson.scripts);
    expect(named.length).toBeGreaterThan(10);
    expect(named.map(([, name = ""]) => name).filter((name) => !scripts.includes(name))).toEqual([]);
  });

  it("list every decision", () => {
    const decisions = globSync("docs/decisions/0*.md", { cwd: root });
    const listed = localLinksOf(read("docs/decisions/README.md")).map((link) => join("docs/decisions", link));
    expect(listed.sort()).toEqual(decisions.sort());
  });
});
