import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFileStore } from "../../src/client/node/file-store.ts";
import { createLockFile, STALE_MS } from "../../src/client/node/lock-file.ts";
import { pidScope } from "../../src/client/node/pid-scope.ts";
import { SessionStoreError } from "../../src/client/session-store.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { clientOn } from "../support/client-wire.ts";
import { concurrently } from "../support/concurrently.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { generationOf } from "../support/refreshing.ts";

const PROGRAM = join(import.meta.dirname, "../support/refreshing-process.ts");
const ADA = { identifier: "ada", password: passwordOf("ada") };

let root: string;
let folder: string;
let path: string;
let app: TestApp;
let folders = 0;

beforeAll(async () => {
  root = temporaryFolder();
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(async () => {
  await app.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  folders += 1;
  folder = join(root, String(folders));
  mkdirSync(folder);
  path = join(folder, "session");
});

/** Another program that shares the file. */
function startProgram(times: string): ChildProcess & { readonly said: () => string } {
  const child = spawn(process.execPath, [PROGRAM, app.url, path, times], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  return Object.assign(child, { said: () => said });
}

describe("A session in a file", () => {
  it("is there for the next program, readable by its owner alone, with nothing left beside it", async () => {
    const { client } = clientOn(app, { store: createFileStore({ path }) });
    const session = await client.login(ADA);
    await client.refresh();
    expect(readdirSync(folder)).toEqual(["session"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { client: next } = clientOn(app, { store: createFileStore({ path }) });
    expect((await next.session())?.sessionId).toBe(session.sessionId);
    await next.logout();
    expect(readdirSync(folder)).toEqual([]);
    expect(await client.session()).toBeNull();
  });

  it("survives that several processes refresh it at once, each many times", async () => {
    const { client } = clientOn(app, { store: createFileStore({ path }) });
    const { sessionId } = await client.login(ADA);
    const programs = Array.from({ length: 3 }, () => startProgram("8"));
    await Promise.all(programs.map((program) => once(program, "close")));
    expect(programs.map((program) => program.said())).toEqual(Array(3).fill("ada\n".repeat(8)));
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect((await client.session())?.sessionId).toBe(sessionId);
    const { refreshToken, generation } = JSON.parse(readFileSync(path, "utf8"));
    expect(generationOf(refreshToken)).toBe(generation);
    expect(generation).toBeGreaterThanOrEqual(9);
    expect(readdirSync(folder)).toEqual(["session"]);
  });

  it("is not held up by a process that was killed with all locks in its hands", async () => {
    const store = createFileStore({ path });
    const { client } = clientOn(app, { store });
    await client.login(ADA);
    const program = startProgram("hang");
    await expect.poll(() => program.said(), { timeout: 15_000 }).toBe("holding\n");
    expect(readdirSync(folder)).toHaveLength(3);
    program.kill("SIGKILL");
    await once(program, "close");
    expect((await client.refresh())?.user.username).toBe("ada");
    expect(readdirSync(folder)).toEqual(["session"]);
  });

  it("is whole if the draft of a write is all that a process left behind", async () => {
    const store = createFileStore({ path });
    await store.replace(null, "whole");
    writeFileSync(`${path}.draft`, '{"sallyport":1,"sess', { mode: 0o644 });
    expect(await store.read()).toBe("whole");
    expect(await store.replace("whole", "next")).toBe(true);
    expect(await store.read()).toBe("next");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["session"]);
  });

  it("does not write through a draft that somebody laid out", async () => {
    const store = createFileStore({ path });
    const victim = join(folder, "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, `${path}.draft`);
    await store.replace(null, "secret");
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(await store.read()).toBe("secret");
  });
});

describe("A file that is no session's is refused in words, and stays as it is:", () => {
  const refusalOfUse = async () => {
    const { client, wire } = clientOn(app, { store: createFileStore({ path }) });
    const errors: unknown[] = [];
    for (const use of [() => client.session(), () => client.login(ADA), () => client.accessToken()])
      errors.push(await use().catch((error: unknown) => error));
    expect(wire.calls).toEqual([]);
    const messages = errors.map((error) => {
      if (!(error instanceof SessionStoreError)) throw error;
      return error.message;
    });
    expect(new Set(messages).size).toBe(1);
    return messages[0] ?? "";
  };

  it.each([0o644, 0o640, 0o604, 0o620, 0o602, 0o660])("one with the mode %o", async (mode) => {
    await createFileStore({ path }).replace(null, "{}");
    chmodSync(path, mode);
    expect(await refusalOfUse()).toBe(
      `${path} may be used by others than its owner; chmod 600 it, and log in anew if they might have read it`,
    );
    expect(readFileSync(path, "utf8")).toBe("{}");
  });

  it.each([
    ["that is empty, as after a crash of the machine", ""],
    ["that is cut off", '{"sallyport":1,"sessionId":"ses_'],
    ["of another program", "[section]\nkey = value\n"],
  ])("one %s", async (_name, text) => {
    writeFileSync(path, text, { mode: 0o600 });
    expect(await refusalOfUse()).toContain(`${path} holds something that is no session`);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("a folder", async () => {
    mkdirSync(path);
    expect(await refusalOfUse()).toBe(`${path} is no file; name another path`);
  });

  it("a link", async () => {
    writeFileSync(join(folder, "other"), "{}", { mode: 0o600 });
    symlinkSync("other", path);
    expect(await refusalOfUse()).toBe(`${path} is a link; name the file itself`);
  });

  it("one that is too large", async () => {
    writeFileSync(path, "x".repeat(300_000), { mode: 0o600 });
    expect(await refusalOfUse()).toBe(`${path} is too large for a session; name another path`);
  });

  it("one whose folder is not there", async () => {
    path = join(folder, "nowhere", "session");
    expect(await refusalOfUse()).toContain("make that folder first");
  });

  it("one below a file", async () => {
    writeFileSync(path, "");
    path = join(path, "session");
    expect(await refusalOfUse()).toContain("a folder above it is none, but a file");
  });
});

describe("A lock", () => {
  const lockOf = (holder: object, ageMs = 0) => {
    writeFileSync(path, JSON.stringify(holder));
    const time = (Date.now() - ageMs) / 1000;
    utimesSync(path, time, time);
  };
  const name = "00000000-0000-4000-8000-000000000000";
  const scope = pidScope();
  const container = scope?.replace(/pid:\[\d+\]/, "pid:[1]") ?? "";
  const reboot = scope?.replace(/[\da-f-]{36}/, crypto.randomUUID()) ?? "";

  it("is had by one at a time, and given back", async () => {
    const release = await createLockFile(path).take(0);
    expect(await createLockFile(path).take(20)).toBeNull();
    await release?.();
    expect(readdirSync(folder)).toEqual([]);
    expect(await createLockFile(path).take(0)).not.toBeNull();
  });

  it("never has two holders, however many ask", async () => {
    let holders = 0;
    let most = 0;
    await concurrently(16, Array.from({ length: 64 }), async () => {
      const release = await createLockFile(path).take(20_000);
      holders += 1;
      most = Math.max(most, holders);
      await new Promise((resolve) => setImmediate(resolve));
      holders -= 1;
      await release?.();
    });
    expect(most).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["of a living process", () => lockOf({ name, pid: process.pid, scope })],
    ["of a living process, nearly too old", () => lockOf({ name, pid: 1, scope }, STALE_MS - 5_000)],
    ["of another machine", () => lockOf({ name, pid: 999_999_999, scope: "elsewhere" })],
    ["of a container that shares the host's name", () => lockOf({ name, pid: 999_999_999, scope: container })],
    ["of another run of this machine", () => lockOf({ name, pid: 999_999_999, scope: reboot })],
    ["of whoever cannot tell where it is", () => lockOf({ name, pid: 999_999_999, scope: null })],
    ["of an earlier version", () => lockOf({ name, pid: 999_999_999, host: hostname() })],
    ["that is damaged, but young", () => lockOf([])],
  ])("%s is left alone", async (_name, make) => {
    make();
    const before = readFileSync(path, "utf8");
    expect(await createLockFile(path).take(50)).toBeNull();
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(readdirSync(folder)).toEqual(["session"]);
  });

  it.each([
    ["of a process that is gone", () => lockOf({ name, pid: 999_999_999, scope })],
    ["that is too old", () => lockOf({ name, pid: process.pid, scope }, STALE_MS + 5_000)],
    ["of a container that is too old", () => lockOf({ name, pid: 1, scope: container }, STALE_MS + 5_000)],
    ["of another machine that is too old", () => lockOf({ name, pid: 1, scope: "elsewhere" }, STALE_MS + 5_000)],
    ["that is damaged and too old", () => lockOf([], STALE_MS + 5_000)],
    [
      "of a process that is gone, and that another one was breaking when it died, too",
      () => {
        lockOf({ name, pid: 999_999_999, scope });
        const other = name.replaceAll("0", "1");
        writeFileSync(`${path}.${name}.broken`, JSON.stringify({ name: other, pid: 999_999_998, scope }));
      },
    ],
  ])("%s is broken, by one of many", async (_name, make) => {
    make();
    const taken = await Promise.all(Array.from({ length: 8 }, () => createLockFile(path).take(300)));
    const releases = taken.filter((release) => release !== null);
    expect(releases).toHaveLength(1);
    await releases[0]?.();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("goes by its age alone where nobody can tell whose process ids those are", async () => {
    lockOf({ name, pid: 999_999_999, scope });
    expect(await createLockFile(path, null).take(50)).toBeNull();
    lockOf({ name, pid: 999_999_999, scope: null });
    expect(await createLockFile(path, null).take(50)).toBeNull();
    lockOf({ name, pid: 999_999_999, scope: null }, STALE_MS + 5_000);
    expect(await createLockFile(path, null).take(300)).not.toBeNull();
  });

  it.runIf(process.platform === "linux")("says which run of which kernel its holder's process id is of", async () => {
    await createLockFile(path).take(0);
    const { pid, scope } = JSON.parse(readFileSync(path, "utf8"));
    expect(pid).toBe(process.pid);
    expect(scope).toContain(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    expect(scope).toContain(readlinkSync("/proc/self/ns/pid"));
  });

  it("that was broken meanwhile is not taken from its new holder when it is given back", async () => {
    const release = await createLockFile(path).take(0);
    const old = (Date.now() - STALE_MS - 1_000) / 1000;
    utimesSync(path, old, old);
    const next = await createLockFile(path).take(500);
    await release?.();
    expect(readdirSync(folder)).toEqual(["session"]);
    await next?.();
    expect(readdirSync(folder)).toEqual([]);
  });
});
