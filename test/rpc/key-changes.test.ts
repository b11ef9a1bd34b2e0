import { rmSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createHousekeeping } from "../../src/housekeeping.ts";
import { createLog } from "../../src/log.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { HANDOVER_MS } from "../../src/tokens/key-life.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { createJudge } from "../support/decisions.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { partsOf } from "../support/forge.ts";
import { logIn, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { startServerProcess } from "../support/server-process.ts";

const FIVE_MINUTES = 300_000;
const LIFE = 600_000;

async function started(options: Parameters<typeof startApp>[0] = {}): Promise<TestApp> {
  const app = await startApp(options);
  onTestFinished(() => app.close());
  return app;
}

const keysOf = (app: TestApp) => app.beside(({ store }) => store.read(listKeys));
const kidOf = (token: string) => JSON.parse(Buffer.from(partsOf(token)[0], "base64url").toString()).kid;

async function publishedKids({ url }: { readonly url: string }): Promise<string[]> {
  const { keys } = JSON.parse(await (await fetch(`${url}/.well-known/jwks.json`)).text());
  return keys.map(({ kid }: { kid: string }) => kid);
}

/** Rotates from beside the instance, and waits until the instance has heard of it. */
async function rotate(app: TestApp) {
  const rotation = await app.beside((core) => core.rotateKeys(false, null));
  await heard(app, (kids) => kids.includes(rotation.next));
  return rotation;
}

/** Resolves once the instance publishes keys such as these. */
function heard(app: TestApp, isAsWanted: (kids: readonly string[]) => boolean): Promise<void> {
  return vi.waitFor(async () => expect(await publishedKids(app)).toSatisfy(isAsWanted), {
    timeout: 5000,
    interval: 20,
  });
}

describe("At the first start", () => {
  it("one key signs, one is next, and both are published; a restart makes no others", async () => {
    const dataDir = temporaryFolder();
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const first = await startApp({ dataDir });
    const made = await keysOf(first);
    const published = await publishedKids(first);
    const { tokens } = await welcome(first, "ada");
    await first.close();
    expect(made.map(({ use, state }) => `${use} ${state}`).sort()).toEqual([
      "access active",
      "access next",
      "refresh active",
    ]);
    const second = await started({ dataDir });
    expect(await keysOf(second)).toEqual(made);
    expect(await publishedKids(second)).toEqual(published);
    expect(await createJudge(second)({ accessToken: tokens.accessToken })).toBe("GRANTED");
  });
});

describe("Two servers that start at once on an empty folder", () => {
  it("make one set of keys, and each takes the other's tokens", async () => {
    const dataDir = temporaryFolder();
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const settings = { SALLYPORT_DATA_DIR: dataDir };
    const [one, two] = await Promise.all([startServerProcess(settings), startServerProcess(settings)]);
    for (const server of [one, two]) onTestFinished(async () => void (await server.end("SIGKILL")));
    expect(await publishedKids(one)).toEqual(await publishedKids(two));
    const [ada, granted] = [{ identifier: "ada", password: "ada keeps kites in the harbour" }, { case: "granted" }];
    await clientsOf(one.url).auth.signup({ username: ada.identifier, password: ada.password });
    const { accessToken, refreshToken } = await clientsOf(one.url).auth.login(ada);
    expect((await clientsOf(two.url).auth.authorize({ accessToken })).decision).toMatchObject(granted);
    const refreshed = await clientsOf(two.url).auth.refresh({ refreshToken });
    const question = { accessToken: refreshed.accessToken };
    expect((await clientsOf(one.url).auth.authorize(question)).decision).toMatchObject(granted);
  });
});

describe("A rotation", () => {
  it("is refused until every verifier can know the next key, to the millisecond", async () => {
    const app = await started();
    const before = await publishedKids(app);
    const attempt = () => app.beside((core) => core.rotateKeys(false, null));
    await expect(attempt()).rejects.toMatchObject({ reason: "NEXT_KEY_TOO_NEW", retryAfterMs: FIVE_MINUTES });
    app.clock.advance(FIVE_MINUTES - 1);
    await expect(attempt()).rejects.toMatchObject({ reason: "NEXT_KEY_TOO_NEW", retryAfterMs: 1 });
    expect(await publishedKids(app)).toEqual(before);
    app.clock.advance(1);
    expect(before).toContain((await attempt()).active);
    await expect(attempt()).rejects.toMatchObject({ reason: "NEXT_KEY_TOO_NEW", retryAfterMs: FIVE_MINUTES });
  });

  it("signs with what was next, publishes another next, and keeps what signed before", async () => {
    const app = await started();
    const known = await publishedKids(app);
    const before = await welcome(app, "ada");
    app.clock.advance(FIVE_MINUTES);
    const rotation = await rotate(app);
    const after = await logIn(app, "ada");
    expect(rotation.retired).toBe(kidOf(before.tokens.accessToken));
    expect(kidOf(after.tokens.accessToken)).toBe(rotation.active);
    expect(known).toContain(rotation.active);
    expect(known).not.toContain(rotation.next);
    expect(new Set(await publishedKids(app))).toEqual(new Set([rotation.retired, rotation.active, rotation.next]));
    const judge = createJudge(app);
    for (const { tokens } of [before, after]) {
      expect(await judge({ accessToken: tokens.accessToken })).toBe("GRANTED");
    }
  });

  it("leaves refresh tokens alone", async () => {
    const app = await started();
    const { tokens } = await welcome(app, "ada");
    app.clock.advance(FIVE_MINUTES);
    const { active } = await rotate(app);
    const refreshed = await clientsOf(app.url).auth.refresh({ refreshToken: tokens.refreshToken });
    expect(kidOf(refreshed.accessToken)).toBe(active);
  });

  it("moves to another algorithm key by key: the one that is next stays what it is", async () => {
    const dataDir = temporaryFolder();
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const clock = createFakeClock();
    const first = await startApp({ dataDir, clock });
    const { tokens } = await welcome(first, "ada");
    await first.close();
    const app = await started({ dataDir, clock, settings: { SALLYPORT_SIGNING_ALGORITHM: "EdDSA" } });
    const algorithms: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      clock.advance(FIVE_MINUTES);
      await rotate(app);
      const { accessToken } = (await logIn(app, "ada")).tokens;
      algorithms.push(JSON.parse(Buffer.from(partsOf(accessToken)[0], "base64url").toString()).alg);
      expect(await createJudge(app)({ accessToken })).toBe("GRANTED");
    }
    expect(algorithms).toEqual(["ES256", "EdDSA"]);
    expect(await createJudge(app)({ accessToken: tokens.accessToken })).toBe("TOKEN_EXPIRED, REFRESH");
  });

  it("ends with the retired key's last token: then it is deleted, and no sooner", async () => {
    const app = await started();
    app.clock.advance(FIVE_MINUTES);
    const { retired } = await rotate(app);
    const tidy = () =>
      app.beside(({ store, serviceUse }) =>
        createHousekeeping({ store, serviceUse, earliest: app.clock.now, log: createLog({ level: "silent" }) }).tidy(),
      );
    app.clock.advance(LIFE + HANDOVER_MS);
    await tidy();
    expect((await keysOf(app)).map(({ kid }) => kid)).toContain(retired);
    app.clock.advance(1);
    await tidy();
    expect((await keysOf(app)).map(({ kid }) => kid)).not.toContain(retired);
    await heard(app, (kids) => !kids.includes(retired));
    expect(await publishedKids(app)).toHaveLength(2);
  });
});

describe("A key that is withdrawn", () => {
  it("takes its tokens with it, remembered or not, everywhere that they were good; a refresh goes on", async () => {
    const app = await started();
    const { account, auth, tokens } = await welcome(app, "ada");
    const { accessToken, refreshToken } = tokens;
    const judge = createJudge(app);
    expect(await judge({ accessToken })).toBe("GRANTED");
    await account.getAccount({});
    const kid = kidOf(accessToken);
    await app.beside((core) => core.withdrawKey(kid, null));
    await heard(app, (kids) => !kids.includes(kid));
    expect(await judge({ accessToken })).toBe("TOKEN_INVALID, LOG_IN");
    expect(await refusalOf(account.getAccount({}))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await refusalOf(auth.logout({}))).toMatchObject({ reason: "TOKEN_INVALID" });
    const refreshed = await clientsOf(app.url).auth.refresh({ refreshToken });
    expect(await judge({ accessToken: refreshed.accessToken })).toBe("GRANTED");
  });

  it("leaves a key that signs and one that is next, whichever it was", async () => {
    const app = await started();
    for (const state of ["next", "active", "retired"] as const) {
      app.clock.advance(FIVE_MINUTES);
      await app.beside((core) => core.rotateKeys(false, null));
      const kid = (await keysOf(app)).find((key) => key.use === "access" && key.state === state)?.kid ?? "";
      await app.beside((core) => core.withdrawKey(kid, null));
      const left = (await keysOf(app)).filter(({ use }) => use === "access");
      expect(left.map((key) => key.kid)).not.toContain(kid);
      for (const wanted of ["active", "next"]) expect(left.filter((key) => key.state === wanted)).toHaveLength(1);
    }
  });

  it("must be a signing key of ours", async () => {
    const app = await started();
    const secret = (await keysOf(app)).find(({ use }) => use === "refresh")?.kid ?? "";
    for (const kid of [secret, "", "unknown"]) {
      const attempt = app.beside((core) => core.withdrawKey(kid, null));
      await expect(attempt).rejects.toMatchObject({ reason: "KEY_NOT_FOUND" });
    }
  });
});
