/** What every client that is run from a command line must be able to do: one call for each run. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTarget, type Target } from "./target.ts";

/** How a call ended: with a message, or with a code such as `unauthenticated` and all that was told beside it. */
export type Answer = { readonly message: JsonObject } | { readonly code: string; readonly told: string };

/** Calls `Service/Method` of `sallyport.auth.v1` with a JSON message and headers. */
export type Call<T extends Target = Target> = (
  target: T,
  method: string,
  message: JsonObject,
  headers: readonly string[],
) => Promise<Answer>;

const PASSWORD = "kites over the harbour";

/** Generates the tests of a client, on a server in cleartext. */
export function describeCommandLine(name: string, call: Call): void {
  describeCommandLineOn(startTarget, name, call);
}

/** Generates the tests of a client, on a server that is started thus. */
export function describeCommandLineOn<T extends Target>(start: () => Promise<T>, name: string, call: Call<T>): void {
  describe(name, () => {
    let target: T;
    beforeAll(async () => {
      target = await start();
    });
    afterAll(() => target.close());

    async function must(method: string, message: JsonObject, headers: readonly string[] = []): Promise<JsonObject> {
      const answer = await call(target, method, message, headers);
      if ("code" in answer) throw new Error(`${method} was refused: ${answer.code} ${answer.told}`);
      return answer.message;
    }

    async function welcome(username: string) {
      await must("AuthService/Signup", { username, password: PASSWORD });
      const { accessToken, refreshToken } = await must("AuthService/Login", {
        identifier: username,
        password: PASSWORD,
      });
      return { accessToken: text(accessToken), refreshToken: text(refreshToken) };
    }

    it("signs up, logs in, calls a protected RPC, refreshes and logs out, and is told so", async () => {
      const { accessToken, refreshToken } = await welcome("grace");
      const account = await must("AccountService/GetAccount", {}, [`authorization: Bearer ${accessToken}`]);
      expect(account).toMatchObject({ user: { username: "grace", roles: ["user"], state: "USER_STATE_ACTIVE" } });
      expect(await must("AuthService/Authorize", { accessToken })).toMatchObject({
        granted: { principal: { username: "grace" } },
      });
      expect(await must("AuthService/Authorize", { accessToken, anyRole: ["admin"] })).toMatchObject({
        denied: { reason: "DENIAL_REASON_ROLE_MISSING", nextStep: "NEXT_STEP_NONE", missingRoles: ["admin"] },
      });
      const fresh = await must("AuthService/Refresh", { refreshToken });
      const { revision = null } = await must("AuthService/Logout", { refreshToken: text(fresh.refreshToken) });
      expect(await must("AuthService/Authorize", { accessToken, minRevision: revision })).toMatchObject({
        denied: { reason: "DENIAL_REASON_SESSION_REVOKED", nextStep: "NEXT_STEP_LOG_IN" },
      });
    });

    it.each([
      ["AuthService/Login", { identifier: "nobody", password: PASSWORD }, "unauthenticated", "CREDENTIALS_INVALID"],
      ["AuthService/Signup", { username: "al", password: PASSWORD }, "invalid_argument", "REQUEST_INVALID"],
      [
        "AuthService/Signup",
        { username: "alan", password: PASSWORD, roles: ["admin"] },
        "permission_denied",
        "ROLE_NOT_SELF_ASSIGNABLE",
      ],
      ["AuthService/Refresh", { refreshToken: "made.up.token" }, "unauthenticated", "REFRESH_TOKEN_INVALID"],
      ["AccountService/GetAccount", {}, "unauthenticated", "TOKEN_MISSING"],
      ["AdminService/ListUsers", {}, "unauthenticated", "TOKEN_MISSING"],
    ])("is refused by %s with %j: %s", async (method, message, code, reason) => {
      const answer = await call(target, method, message, []);
      expect(answer).toMatchObject({ code });
      expect(answer).toHaveProperty("told", expect.stringContaining(`ERROR_REASON_${reason}`));
    });

    it("is refused with a taken name, a token that ended, and rights that a user does not have", async () => {
      const { accessToken, refreshToken } = await welcome("ada");
      const authorization = [`authorization: Bearer ${accessToken}`];
      const taken = await call(target, "AuthService/Signup", { username: "ADA", password: PASSWORD }, []);
      expect(taken).toMatchObject({ code: "already_exists" });
      const notHers = await call(target, "AdminService/ListUsers", {}, authorization);
      expect(notHers).toMatchObject({ code: "permission_denied" });
      await must("AuthService/Logout", { refreshToken });
      const ended = await call(target, "AccountService/GetAccount", {}, authorization);
      expect(ended).toMatchObject({ code: "unauthenticated", told: expect.stringContaining("SESSION_REVOKED") });
    });

    it("is refused with two authorization headers", async () => {
      const { accessToken } = await welcome("bea");
      const one = `authorization: Bearer ${accessToken}`;
      const answer = await call(target, "AccountService/GetAccount", {}, [one, one]);
      expect(answer).toMatchObject({ code: "invalid_argument", told: expect.stringContaining("MALFORMED") });
    });
  });
}

/** What an error says in the form that Connect gives it, which several programs print; details are decoded. */
export function connectError(json: string): Answer {
  const { code, details }: { code?: string; details?: { value?: string }[] } = JSON.parse(json);
  const decoded = (details ?? []).map(({ value }) => Buffer.from(value ?? "", "base64").toString("latin1"));
  return { code: code ?? "", told: [json, ...decoded].join("\n") };
}

function text(value: JsonValue | undefined): string {
  if (typeof value !== "string" || value === "") throw new Error("a token was to come, but none did");
  return value;
}
