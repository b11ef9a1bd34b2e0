/** A server that is killed without warning, and started again: whatever it acknowledged, holds. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { addUser } from "../support/folder.ts";
import { logIn, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand, type ServerProcess, startServerProcess } from "../support/server-process.ts";

const folder = temporaryFolder();
const settings = { SALLYPORT_DATA_DIR: folder };
let server: ServerProcess;

beforeAll(async () => {
  await addUser(folder, "root", ["admin"]);
  server = await startServerProcess(settings);
});
afterAll(async () => {
  await server.end("SIGKILL");
  rmSync(folder, { recursive: true });
});

const auth = () => clientsOf(server.url).auth;
const verdictOn = async (accessToken: string) => verdictOf(await auth().authorize({ accessToken }));
const jwks = async () => (await fetch(`${server.url}/.well-known/jwks.json`)).text();

/** Kills the server, and starts it again. A start makes no key: neither new ones nor others. */
async function crash(keys: string): Promise<void> {
  expect(await server.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
  server = await startServerProcess(settings);
  expect(await jwks()).toBe(keys);
}

describe("After a SIGKILL right behind its acknowledgement", () => {
  it("a signup holds", async () => {
    const keys = await jwks();
    const userId = await signUp(server, "ada");
    await crash(keys);
    expect((await logIn(server, "ada")).userId).toBe(userId);
    expect(await refusalOf(signUp(server, "ada"))).toMatchObject({ reason: "USERNAME_TAKEN" });
  });

  it("a refresh holds: all tokens are good, and the old one names the same successor", async () => {
    const keys = await jwks();
    const { tokens } = await welcome(server, "bea");
    const fresh = await auth().refresh({ refreshToken: tokens.refreshToken });
    await crash(keys);
    expect(await verdictOn(tokens.accessToken)).toBe("GRANTED");
    expect(await verdictOn(fresh.accessToken)).toBe("GRANTED");
    const repeated = await auth().refresh({ refreshToken: tokens.refreshToken });
    expect(repeated.refreshToken).toBe(fresh.refreshToken);
    const next = await auth().refresh({ refreshToken: fresh.refreshToken });
    expect(next.sessionId).toBe(tokens.sessionId);
  });

  it("a logout holds: a revoked token stays revoked, at every start from then on", async () => {
    const keys = await jwks();
    const { tokens } = await welcome(server, "cyd");
    await auth().logout({ refreshToken: tokens.refreshToken });
    for (let time = 0; time < 2; time += 1) {
      await crash(keys);
      expect(await verdictOn(tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
      const refresh = auth().refresh({ refreshToken: tokens.refreshToken });
      expect(await refusalOf(refresh)).toMatchObject({ reason: "SESSION_ENDED" });
    }
  });

  it("a change of roles by RPC holds, for tokens that are out and for the next", async () => {
    const keys = await jwks();
    const [root, eve] = [await logIn(server, "root"), await welcome(server, "eve")];
    await root.admin.setRole({ name: "clerk", permissions: ["orders:read"] });
    const { user } = await root.admin.setUserRoles({ userId: eve.userId, roles: ["clerk"] });
    await crash(keys);
    expect(user?.roles).toEqual(["clerk"]);
    expect(await verdictOn(eve.tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
    const { accessToken } = await auth().refresh({ refreshToken: eve.tokens.refreshToken });
    expect(verdictOf(await auth().authorize({ accessToken, allPermissions: ["orders:read"] }))).toBe("GRANTED");
  });

  it("a change of roles by command holds", async () => {
    const keys = await jwks();
    const { tokens } = await welcome(server, "fay");
    const { code, stdout } = await runCommand(["users", "set-roles", "fay"], settings);
    await crash(keys);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^fay holds no roles as of revision \d+\n$/)]);
    expect(await verdictOn(tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
  });
});
