/** `sallyport keys rotate|withdraw|rewrap` and `restored`, beside a server that obeys. */
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaintsOf, type Installation, jsonLines, startInstallation } from "../support/installation.ts";
import { expectObeyed } from "../support/obeyed.ts";
import { logIn, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

const [OLD, NEW] = [1, 2].map((fill) => Buffer.alloc(32, fill).toString("base64url"));

let here: Installation;
beforeAll(async () => {
  here = await startInstallation({ SALLYPORT_MASTER_KEY: `${OLD}` });
  await signUp(here, "ada");
});
afterAll(() => here.close());

const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? "";
const published = async () => (await fetch(`${here.url}/.well-known/jwks.json`)).text();
const listed = async () => (await here.run(["keys", "list"])).stdout;

describe("keys rotate", () => {
  it("makes a running server sign with the next key within half a second, and take what the last one signed", async () => {
    const before = await logIn(here, "ada");
    const { at, stdout } = await here.order(["keys", "rotate", "--now"]);
    const [, active = "", next = "", retired] =
      /^signing with (\S+); next is (\S+); retired (\S+)\n$/.exec(stdout) ?? [];
    await expectObeyed(at, async () => kidOf((await logIn(here, "ada")).tokens.accessToken) === active);
    expect(retired).toBe(kidOf(before.tokens.accessToken));
    expect(await here.verdictOn(before.tokens.accessToken)).toBe("GRANTED");
    for (const kid of [active, next, retired]) expect(await published()).toContain(`"kid":"${kid}"`);
    const rows = jsonLines((await here.run(["keys", "list", "--json"])).stdout);
    expect(rows).toContainEqual(
      expect.objectContaining({ kid: retired, state: "retired", expires: expect.stringMatching(/Z$/) }),
    );
  });
});

describe("keys withdraw", () => {
  it("voids within half a second every token that the key signed, and no session", async () => {
    const { tokens } = await logIn(here, "ada");
    const kid = kidOf(tokens.accessToken);
    const { at, stdout } = await here.order(["keys", "withdraw", kid]);
    await here.expectVerdict(at, [tokens.accessToken], "TOKEN_INVALID, LOG_IN");
    expect(stdout).toMatch(new RegExp(`^withdrew ${kid} as of revision \\d+\n$`));
    expect(await published()).not.toContain(kid);
    const fresh = await here.auth.refresh({ refreshToken: tokens.refreshToken });
    expect(kidOf(fresh.accessToken)).not.toBe(kid);
    expect(await here.verdictOn(fresh.accessToken)).toBe("GRANTED");
  });

  it("refuses a key that is not there, or signs refresh tokens; and changes nothing", async () => {
    const before = await listed();
    const { tokens } = await logIn(here, "ada");
    const strangers = ["nothing", "", kidOf(tokens.refreshToken)];
    const refused = await Promise.all(strangers.map((kid) => here.run(["keys", "withdraw", kid])));
    expect(complaintsOf(1, refused)).toEqual(Array(3).fill("sallyport: there is no such signing key\n"));
    const [said] = complaintsOf(2, [await here.run(["keys", "withdraw"])]);
    expect(said).toContain("missing required argument 'kid'");
    expect(await listed()).toBe(before);
    expect(await here.verdictOn(tokens.accessToken)).toBe("GRANTED");
  });
});

describe("keys rewrap", () => {
  it("moves every key to the first master key, under a server that goes on; then that one is enough", async () => {
    const { tokens } = await logIn(here, "ada");
    const settings = (masterKey: string) => ({ SALLYPORT_DATA_DIR: here.folder, SALLYPORT_MASTER_KEY: masterKey });
    const before = await listed();
    const { code, stdout } = await runCommand(["keys", "rewrap"], settings(`${NEW},${OLD}`));
    expect([code, stdout]).toEqual([
      0,
      `${before.trimEnd().split("\n").length} keys are encrypted under the first master key\n`,
    ]);
    expect(await here.verdictOn(tokens.accessToken)).toBe("GRANTED");
    const [second, refused] = await Promise.all([
      startServerProcess(settings(`${NEW}`)),
      runCommand(["serve"], settings(`${OLD}`)),
    ]);
    expect(complaintsOf(1, [refused])[0]).toContain("which is not among those given");
    const { user } = await logIn(second, "ada").then((person) => person.account.getAccount({}));
    expect(user?.username).toBe("ada");
    await second.end("SIGTERM");
    // The others of this file go on under the key that the server was started with.
    await runCommand(["keys", "rewrap"], settings(`${OLD},${NEW}`));
    expect(await listed()).toBe(before);
  });

  it("refuses where a key is under none of the master keys, and changes none", async () => {
    const settings = { SALLYPORT_DATA_DIR: here.folder, SALLYPORT_MASTER_KEY: `${NEW}` };
    const [said] = complaintsOf(1, [await runCommand(["keys", "rewrap"], settings)]);
    expect(said).toMatch(/^sallyport: the database's keys are encrypted under master key \S+, which is not among/);
    expect((await here.run(["keys", "list"])).code).toBe(0);
  });
});

describe("restored", () => {
  it("lets nothing live that was issued before, within half a second, and everybody log in again", async () => {
    const people = [await welcome(here, "bea"), await logIn(here, "ada"), await logIn(here, "root")];
    const revision = (await here.auth.authorize({})).revision;
    const { at, stdout } = await here.order(["restored"]);
    const access = people.map(({ tokens }) => tokens.accessToken);
    await here.expectVerdict(at, access, "TOKEN_INVALID, LOG_IN");
    const [, logId, sessions] =
      /^began the log (\S+); ended (\d+) sessions; everybody logs in again\n$/.exec(stdout) ?? [];
    expect(logId).not.toBe(revision?.logId);
    expect(Number(sessions)).toBeGreaterThanOrEqual(people.length);
    for (const { tokens } of people) {
      const refusal = await refusalOf(here.auth.refresh({ refreshToken: tokens.refreshToken }));
      expect(refusal).toMatchObject({ reason: "SESSION_ENDED", nextStep: "NEXT_STEP_LOG_IN" });
    }
    for (const name of ["ada", "bea", "root"]) {
      expect(await here.verdictOn((await logIn(here, name)).tokens.accessToken)).toBe("GRANTED");
    }
    expect((await here.auth.authorize({})).revision?.logId).toBe(logId);
  });
});
