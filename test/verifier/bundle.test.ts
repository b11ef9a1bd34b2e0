/** Snapshots on disk: which are taken over, which are refused, and what is in them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { BundleRefused, createBundleFile } from "../../src/verifier/bundle.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { type Delegate, delegate, startDelegate, verdictOf } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openRoad, type RoughRoad } from "../support/rough-road.ts";
import { serviceKey } from "../support/watching.ts";

let app: TestApp;
let road: RoughRoad;
let admin: Person;
let apiKey: string;
let folder: string;
/** A live token, and one of a session that has ended. */
let alive: Person;
let over: Person;
/** A bundle that knows of both. */
let good: Buffer;

const HOUR = 3_600_000;

beforeAll(async () => {
  app = await startApp();
  road = await openRoad(app.port);
  folder = temporaryFolder();
  admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
  alive = await logIn(app, "ada", ["orders"]);
  over = await logIn(app, "ada", ["orders"]);
  await over.auth.logout({ refreshToken: over.tokens.refreshToken });
  const file = newFile();
  const verifier = startDelegate({ url: road.url, clock: app.clock }, apiKey, { bundle: { file, maxAgeMs: HOUR } });
  await verifier.ready();
  await verifier.close();
  good = readFileSync(file);
});
afterAll(async () => {
  await road.close();
  await app.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => road.set("open"));

let files = 0;
function newFile(content?: Uint8Array): string {
  files += 1;
  const file = join(folder, `${files}.bundle`);
  if (content !== undefined) writeFileSync(file, content);
  return file;
}

type Start = { readonly maxAgeMs?: number; readonly key?: string; readonly url?: string; readonly clock?: FakeClock };

/** Starts a verifier that keeps its bundle there. */
function startWith(file: string, { maxAgeMs = HOUR, key = apiKey, url = road.url, clock = app.clock }: Start = {}) {
  return delegate({ url, clock }, key, { bundle: { file, maxAgeMs } });
}

/** The same while Sallyport is down. */
function startAlone(file: string, start: Start = {}): Delegate {
  road.set("closed");
  return startWith(file, start);
}

const verdictOn = (verifier: Delegate, { tokens }: Person) => verdictOf(verifier, tokens.accessToken);

/** A clock so far from that of the instance. */
const clockAt = (offset: number): FakeClock => createFakeClock(app.clock.now() + offset);

/** What is said about a bundle that is not taken over. */
async function refusalOf(verifier: Delegate): Promise<string> {
  const failures = () => verifier.events.filter((event) => event.kind === "bundle_failed");
  await eventually(() => failures().length).toBe(1);
  expect(verifier.state()).toMatchObject({ isFresh: false, revision: null });
  expect(() => verifier.check(alive.tokens.accessToken)).toThrow(expect.objectContaining({ reason: "TOO_STALE" }));
  return failures()[0]?.error.message ?? "";
}

describe("A verifier with a bundle", () => {
  it("starts while Sallyport is down, and decides by what was known", async () => {
    const verifier = startAlone(newFile(good));
    await verifier.ready();
    expect(verdictOn(verifier, alive)).toBe("GRANTED");
    expect(verdictOn(verifier, over)).toBe("SESSION_REVOKED");
    expect(verifier.state()).toMatchObject({ isConnected: false, isFresh: true });
    expect(verifier.kinds()).toContain("fresh");
  });

  it("says how long a decision may be kept: not at all, once the bundle is older than the bound", async () => {
    const verifier = startAlone(newFile(good), { clock: clockAt(10_001) });
    await verifier.ready();
    expect(verifier.check(alive.tokens.accessToken)).toMatchObject({ granted: true, cacheForMs: 0 });
    expect(verifier.state().stalenessMs).toBeGreaterThan(10_000);
  });

  it("denies once it is too old, and goes on from it as soon as Sallyport is back", async () => {
    const clock = clockAt(0);
    const verifier = startAlone(newFile(good), { clock, maxAgeMs: 60_000 });
    await verifier.ready();
    clock.advance(60_001);
    expect(() => verifier.check(alive.tokens.accessToken)).toThrow(expect.objectContaining({ reason: "TOO_STALE" }));
    await eventually(verifier.kinds).toContain("stale");
    const later = await logIn(app, "ada", ["orders"]);
    await later.auth.logout({ refreshToken: later.tokens.refreshToken });
    road.set("open");
    await eventually(() => verifier.state()).toMatchObject({ isFresh: true, isConnected: true });
    expect([verdictOn(verifier, alive), verdictOn(verifier, over), verdictOn(verifier, later)]).toEqual([
      "GRANTED",
      "SESSION_REVOKED",
      "SESSION_REVOKED",
    ]);
    // The tail alone was told: that it was resynced was the bundle.
    expect(verifier.events.filter(({ kind }) => kind === "resynced")).toHaveLength(1);
  });

  it("forgets nothing of it by a clock that is wrong, whatever happens then", async () => {
    const verifier = startAlone(newFile(good), { clock: clockAt(HOUR - 1_000) });
    await verifier.ready();
    expect(verdictOn(verifier, alive)).toBe("TOKEN_EXPIRED");
    await new Promise((resolve) => setTimeout(resolve, 600));
    road.set("open");
    await eventually(() => verifier.state()).toMatchObject({ isConnected: true, stalenessMs: expect.closeTo(0, -3) });
    expect([verdictOn(verifier, alive), verdictOn(verifier, over)]).toEqual(["GRANTED", "SESSION_REVOKED"]);
  });

  it("does not take a clock that is put back for a bundle that is new", async () => {
    const clock = clockAt(0);
    let tick = 0;
    const verifier = delegate(
      { url: road.url, clock },
      apiKey,
      { bundle: { file: newFile(good), maxAgeMs: 60_000 } },
      { tick: () => tick },
    );
    road.set("closed");
    await verifier.ready();
    clock.advance(-HOUR);
    tick += 60_001;
    expect(verifier.state().isFresh).toBe(false);
  });

  it("writes it as it ends, for itself alone, with nothing in it that is secret", async () => {
    const file = newFile();
    const verifier = startWith(file);
    await verifier.ready();
    const before = readdirSync(folder).length;
    await verifier.close();
    expect(readdirSync(folder)).toHaveLength(before + 1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, "latin1");
    const secrets = [
      apiKey,
      apiKey.slice(14),
      alive.tokens.accessToken,
      over.tokens.refreshToken,
      alive.tokens.accessToken.split(".")[2],
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(readFileSync(file)).not.toEqual(good);
  });

  it("leaves it as it is if it has learned nothing since", async () => {
    const file = newFile(good);
    const verifier = startAlone(file);
    await verifier.ready();
    await verifier.close();
    expect(readFileSync(file)).toEqual(good);
  });

  it("closes while it is being read, and leaves nothing behind", async () => {
    const verifier = startWith(newFile(good));
    await verifier.close();
    expect(verifier.state()).toMatchObject({ isFresh: false, isConnected: false });
    const told = verifier.events.length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(verifier.events).toHaveLength(told);
  });
});

describe("A bundle is refused", () => {
  it("whichever of its bytes was changed", { timeout: 60_000 }, async () => {
    const { read } = createBundleFile(newFile(good), apiKey, road.url);
    expect((await read())?.length).toBeGreaterThan(3);
    const file = newFile();
    const tampered = createBundleFile(file, apiKey, road.url);
    for (let at = 0; at < good.length; at += 1) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      writeFileSync(file, bytes);
      await expect(tampered.read(), `with another byte at ${at}`).rejects.toThrow(BundleRefused);
    }
  });

  it("wherever it was cut off, and with more at its end", async () => {
    const file = newFile();
    const { read } = createBundleFile(file, apiKey, road.url);
    for (const length of [0, 1, 18, 19, 34, 35, 66, 67, 68, 100, good.length - 1]) {
      writeFileSync(file, good.subarray(0, length));
      await expect(read(), `cut to ${length} bytes`).rejects.toThrow(BundleRefused);
    }
    writeFileSync(file, Buffer.concat([good, Buffer.alloc(1)]));
    await expect(read()).rejects.toThrow(BundleRefused);
  });

  it.each<[string, () => Start, RegExp]>([
    ["that another service has written", () => ({ key: `sallyport_svk_${"B".repeat(43)}` }), /another API key/],
    ["from another Sallyport", () => ({ url: road.url.replace("127.0.0.1", "localhost") }), /another URL/],
    ["that is too old", () => ({ clock: clockAt(60_001), maxAgeMs: 60_000 }), /60 s old, which is too old/],
    ["from the future", () => ({ clock: clockAt(-5_001) }), /from the future/],
  ])("%s", async (_what, start, message) => {
    expect(await refusalOf(startAlone(newFile(good), start()))).toMatch(message);
  });

  it("that is only as old as it may be is not", async () => {
    const verifier = startAlone(newFile(good), { clock: clockAt(60_000), maxAgeMs: 60_000 });
    await verifier.ready();
    expect(verifier.kinds()).not.toContain("bundle_failed");
  });

  it.each<[string, (messages: readonly WatchResponse[]) => readonly WatchResponse[], RegExp]>([
    ["that holds nothing", () => [], /incomplete/],
    ["without its checkpoint", (messages) => messages.slice(0, -1), /incomplete/],
    ["that ends in the snapshot", (messages) => messages.slice(0, -2), /incomplete/],
    [
      "with a part missing",
      (messages) => messages.filter(({ event }) => event.case !== "endedSessions"),
      /parts of the snapshot/,
    ],
    [
      "with a part twice",
      (messages) =>
        messages.flatMap((message) => (message.event.case === "endedSessions" ? [message, message] : [message])),
      /parts of the snapshot/,
    ],
    ["without its beginning", (messages) => messages.slice(1), /begin/],
  ])("%s, though its own service wrote it", async (_what, alter, message) => {
    const file = newFile(good);
    const bundle = createBundleFile(file, apiKey, road.url);
    const messages = (await bundle.read()) ?? expect.unreachable();
    await bundle.write(
      (async function* () {
        yield* alter(messages);
      })(),
    );
    expect(await refusalOf(startAlone(file))).toMatch(message);
  });

  it("that is none, such as a folder", async () => {
    const file = newFile();
    mkdirSync(file);
    expect(await refusalOf(startAlone(file))).toMatch(/EISDIR/);
  });

  it("and written anew as soon as Sallyport has told more", async () => {
    const file = newFile(Buffer.from("something else"));
    const verifier = startWith(file);
    await verifier.ready();
    expect(verifier.kinds()).toContain("bundle_failed");
    await verifier.close();
    const next = startAlone(file);
    await next.ready();
    expect(verdictOn(next, over)).toBe("SESSION_REVOKED");
  });
});

describe("A bundle that is missing", () => {
  it("is no fault", async () => {
    const verifier = startAlone(newFile());
    await eventually(verifier.kinds).toContain("disconnected");
    expect(verifier.kinds()).not.toContain("bundle_failed");
  });

  it("because it cannot be written is told, and does no harm", async () => {
    const verifier = startWith(join(folder, "no such folder", "bundle"));
    await verifier.ready();
    expect(verdictOn(verifier, alive)).toBe("GRANTED");
    await verifier.close();
    expect(verifier.events.at(-1)).toMatchObject({ kind: "bundle_failed", error: { code: "ENOENT" } });
  });

  it("because the writing failed in the middle leaves the old one, and no draft", async () => {
    const file = newFile(good);
    const before = readdirSync(folder).length;
    const failing = async function* (): AsyncGenerator<WatchResponse> {
      yield* (await createBundleFile(file, apiKey, road.url).read()) ?? [];
      throw new Error("no more");
    };
    await expect(createBundleFile(file, apiKey, road.url).write(failing())).rejects.toThrow("no more");
    expect(readFileSync(file)).toEqual(good);
    expect(readdirSync(folder)).toHaveLength(before);
  });
});
