/** What somebody with another Node sees, who starts the command without npm. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { commandEnvironment, ENTRY } from "../support/server-process.ts";

const FAKE = fileURLToPath(new URL("../support/fake-node-version.cjs", import.meta.url));

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const versionOf = (node: string) => /^v([\d.]+)/.exec(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout)?.[1];

/** The first Node on the path that is too old, but for those that npm brought; `null` if there is none. */
function findOldNode(): { readonly node: string; readonly version: string } | null {
  for (const place of (process.env.PATH ?? "").split(delimiter)) {
    const node = join(place, "node");
    if (place.includes("node_modules") || !existsSync(node)) continue;
    const version = versionOf(node);
    if (version !== undefined && Number.parseInt(version, 10) < 24) return { node, version };
  }
  return null;
}

/** Runs the command on another Node: a real one, or ours under another name. */
function runOn(version: string, node: string | null, args: readonly string[]) {
  const dataDir = join(folder, "never-made");
  const env = { ...commandEnvironment({ SALLYPORT_DATA_DIR: dataDir }), NODE_VERSION_TO_FAKE: version };
  const words = node === null ? ["-r", FAKE, ENTRY, ...args] : [ENTRY, ...args];
  const { status, stdout, stderr } = spawnSync(node ?? process.execPath, words, { env, encoding: "utf8" });
  return { status, stdout, stderr, madeFolder: existsSync(dataDir) };
}

const refusal = (version: string) => ({
  status: 69,
  stdout: "",
  stderr: [
    `sallyport: Node ${version} cannot run this; it takes Node 24, or 26 and newer.`,
    "In a checkout, `npm ci` brings one: start through npm (`npm start`, `npx sallyport …`).\n",
  ].join("\n"),
  madeFolder: false,
});

describe("The entry", () => {
  it.each(["10.24.1", "16.20.2", "18.20.8", "20.20.2", "22.22.0", "23.11.1", "25.9.0"])(
    "says on Node %s what to do, and ends",
    (version) => {
      expect(runOn(version, null, ["serve"])).toEqual(refusal(version));
    },
  );

  it("says so on an old Node that is really there, or else on one more that is not", () => {
    const { node, version } = findOldNode() ?? { node: null, version: "14.21.3" };
    expect(runOn(version, node, ["serve"])).toEqual(refusal(version));
  });

  it("starts on a Node that is newer than ours", () => {
    expect(runOn("26.1.0", null, ["--version"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});
