import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startApp, temporaryFolder } from "../support/app.ts";
import { createJudge } from "../support/decisions.ts";
import { logIn, welcome } from "../support/people.ts";

describe("A database with keys", () => {
  /** A folder whose instance made its keys and is closed. */
  async function abandoned(): Promise<string> {
    const dataDir = temporaryFolder();
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const app = await startApp({ dataDir });
    await welcome(app, "ada");
    await app.close();
    return dataDir;
  }

  it("is not served without its master key's file, nor is another made", async () => {
    const dataDir = await abandoned();
    const file = join(dataDir, "master.key");
    const text = readFileSync(file, "utf8");
    rmSync(file);
    await expect(startApp({ dataDir })).rejects.toThrow(`${file} is missing`);
    expect(() => readFileSync(file)).toThrow("ENOENT");
    const app = await startApp({ dataDir, settings: { SALLYPORT_MASTER_KEY: text.trim() } });
    onTestFinished(() => app.close());
    expect((await logIn(app, "ada")).tokens.user?.username).toBe("ada");
  });

  it("is not served under another master key: the refusal names the one that is wanted", async () => {
    const dataDir = await abandoned();
    const settings = { SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url") };
    await expect(startApp({ dataDir, settings })).rejects.toThrow(/under master key [\w-]{12}, which is not among/);
  });

  it("is moved from one master key to another: both for a while, then a rewrap, then the new one alone", async () => {
    const dataDir = await abandoned();
    const old = readFileSync(join(dataDir, "master.key"), "utf8").trim();
    const fresh = randomBytes(32).toString("base64url");
    const both = await startApp({ dataDir, settings: { SALLYPORT_MASTER_KEY: `${fresh},${old}` } });
    const { tokens } = await logIn(both, "ada");
    expect(await both.beside((core) => core.rewrapKeys(null))).toBe(3);
    await both.close();
    await expect(startApp({ dataDir, settings: { SALLYPORT_MASTER_KEY: old } })).rejects.toThrow("under master key");
    const app = await startApp({ dataDir, settings: { SALLYPORT_MASTER_KEY: fresh } });
    onTestFinished(() => app.close());
    expect(await createJudge(app)({ accessToken: tokens.accessToken })).toBe("GRANTED");
  });
});
