import { decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SigningKeyState } from "../../gen/sallyport/auth/v1/signing_key_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";

const FIVE_MINUTES = 300_000;

let app: TestApp;
/** May change keys, and nothing else. */
let keeper: Person;

beforeEach(async () => {
  app = await startApp();
  const root = await welcomeAdmin(app);
  await root.admin.setRole({ name: "keeper", permissions: ["keys:*"] });
  const userId = await signUp(app, "keeper");
  await root.admin.setUserRoles({ userId, roles: ["keeper"] });
  keeper = await logIn(app, "keeper");
});
afterEach(() => app.close());

async function states(): Promise<Readonly<Record<string, SigningKeyState>>> {
  const { keys } = await keeper.admin.listSigningKeys({});
  return Object.fromEntries(keys.map(({ id, state }) => [id, state]));
}

const kidOf = ({ tokens }: Person) => decodeProtectedHeader(tokens.accessToken).kid ?? "";

describe("ListSigningKeys", () => {
  it("shows the keys that sign and will sign, and neither secrets nor the secret of refresh tokens", async () => {
    const { keys } = await keeper.admin.listSigningKeys({});
    expect(keys.map(({ state }) => state).sort()).toEqual([SigningKeyState.NEXT, SigningKeyState.ACTIVE]);
    expect(keys.map(({ algorithm, expireTime }) => [algorithm, expireTime])).toEqual([
      ["ES256", undefined],
      ["ES256", undefined],
    ]);
    const published = JSON.parse(await (await fetch(`${app.url}/.well-known/jwks.json`)).text());
    expect(keys.map(({ id }) => id).sort()).toEqual(published.keys.map(({ kid }: { kid: string }) => kid).sort());
  });
});

describe("RotateSigningKeys", () => {
  it("signs with the next key at once, and keeps the old one for its tokens", async () => {
    app.clock.advance(FIVE_MINUTES);
    const before = await logIn(app, "keeper");
    const { activeKeyId, nextKeyId, retiredKeyId } = await keeper.admin.rotateSigningKeys({});
    const after = await logIn(app, "keeper");
    expect([kidOf(before), kidOf(after)]).toEqual([retiredKeyId, activeKeyId]);
    expect(await verdictOn(app, before.tokens.accessToken)).toBe("GRANTED");
    expect(await states()).toEqual({
      [retiredKeyId]: SigningKeyState.RETIRED,
      [activeKeyId]: SigningKeyState.ACTIVE,
      [nextKeyId]: SigningKeyState.NEXT,
    });
    expect(app.logged().find(({ event }) => event === "keys_rotated")).toMatchObject({ actor: keeper.userId });
  });

  it("is refused while verifiers may not know the next key, with the time to wait, unless it is forced", async () => {
    app.clock.advance(1000);
    expect(await refusalOf(keeper.admin.rotateSigningKeys({}))).toMatchObject({
      code: "FailedPrecondition",
      reason: "NEXT_KEY_TOO_NEW",
      retryDelayMs: FIVE_MINUTES - 1000,
    });
    const { activeKeyId } = await keeper.admin.rotateSigningKeys({ force: true });
    expect(kidOf(await logIn(app, "keeper"))).toBe(activeKeyId);
  });
});

describe("WithdrawSigningKey", () => {
  it("voids every token of the key at once; their owners refresh and go on", async () => {
    const person = await welcome(app, "ada");
    const { revision } = await keeper.admin.withdrawSigningKey({ keyId: kidOf(person) });
    expect(revision?.number).toBeGreaterThan(0n);
    expect(await verdictOn(app, person.tokens.accessToken)).toBe("TOKEN_INVALID, LOG_IN");
    expect((await refusalOf(keeper.admin.listSigningKeys({}))).reason).toBe("TOKEN_INVALID");
    const { accessToken } = await refresh(app, person.tokens.refreshToken);
    expect(await verdictOn(app, accessToken)).toBe("GRANTED");
  });

  it.each(["no-such-key", "../../etc/passwd", "k".repeat(64)])("is refused for %s", async (keyId) => {
    const before = await states();
    const refusal = await refusalOf(keeper.admin.withdrawSigningKey({ keyId }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "KEY_NOT_FOUND" });
    expect(await states()).toEqual(before);
  });
});

describe("RewrapKeys", () => {
  it("encrypts every key anew, and all go on", async () => {
    const person = await welcome(app, "ada");
    expect((await keeper.admin.rewrapKeys({})).keyCount).toBe(3);
    const { accessToken } = await refresh(app, person.tokens.refreshToken);
    expect(await verdictOn(app, accessToken)).toBe("GRANTED");
  });
});
