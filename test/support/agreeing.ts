/** A small world in which everything that decides about tokens changes, and verifiers that are to keep up with it. */
import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import type { LogoutScope } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp } from "./app.ts";
import { type Delegate, startDelegate } from "./delegating.ts";
import { eventually } from "./eventually.ts";
import { logIn, type Person, passwordOf, signUp, welcomeAdmin } from "./people.ts";
import { openRoad } from "./rough-road.ts";
import { stateOf } from "./told-feed.ts";
import { serviceKey } from "./watching.ts";

/** Something that happens. Numbers choose among what there is. */
export type Happening =
  | { readonly kind: "log_in"; readonly user: number; readonly audiences: readonly string[] }
  | { readonly kind: "refresh" | "revoke_session" | "withdraw_key"; readonly who: number }
  | { readonly kind: "log_out"; readonly who: number; readonly scope: LogoutScope }
  | { readonly kind: "set_user_roles"; readonly user: number; readonly roles: readonly string[] }
  | { readonly kind: "set_role"; readonly role: string; readonly permissions: readonly string[] }
  | { readonly kind: "delete_role"; readonly role: string }
  | { readonly kind: "disable" | "enable" | "set_password" | "revoke_all"; readonly user: number }
  | { readonly kind: "rotate_keys" | "restore" | "cut" }
  | { readonly kind: "pass"; readonly milliseconds: number };

/** Users that there are from the beginning. */
export const USERS = ["ada", "grace", "mary"] as const;
/** Audiences that verifiers stand for. */
export const AUDIENCES = ["orders", "billing"] as const;

/** Commands that are refused change nothing, and are none of this test's business. */
const REFUSED: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.AlreadyExists,
  Code.Unauthenticated,
  Code.PermissionDenied,
]);

/** The world as it begins; `skew` is how far the clock of the verifiers' machine is off. Close it. */
export async function createAgreeingWorld(skew: number) {
  const app = await startApp({ checkpointMs: 20 });
  const road = await openRoad(app.port);
  await welcomeAdmin(app);
  const apiKey = await serviceKey(await logIn(app, "root"), "shop");
  const ids = await Promise.all(USERS.map((name) => signUp(app, name)));
  const sessions: Person[] = [];
  const tokens: string[] = ["", "no token", apiKey];
  const around = { tick: () => app.clock.now() - 1e12, wall: () => app.clock.now() + skew, pace: { firstRetryMs: 5 } };
  const verifiers = AUDIENCES.map((audience) =>
    startDelegate({ url: road.url, clock: app.clock }, apiKey, { audience }, around),
  );

  const pick = <T>(items: readonly T[], number: number): T | undefined => items[number % Math.max(1, items.length)];
  const idOf = (user: number) => pick(ids, user) ?? "";
  const asAdmin = async () => (await logIn(app, "root")).admin;

  function keep(person: Person): void {
    sessions.push(person);
    tokens.push(person.tokens.accessToken, person.tokens.refreshToken);
  }

  /** Resolves once the verifier has noticed that the connection is gone by which it asked, and asks by another. */
  async function reachAgain(verifier: Delegate): Promise<void> {
    const ask = () => verifier.authorize("no token", { freshness: "REMOTE" });
    await expect.poll(() => ask().catch(() => null)).not.toBeNull();
  }

  async function act(happening: Happening): Promise<unknown> {
    switch (happening.kind) {
      case "log_in":
        return keep(await logIn(app, pick(USERS, happening.user) ?? "", [...happening.audiences]));
      case "refresh": {
        const person = pick(sessions, happening.who);
        if (person === undefined) return;
        return keep({
          ...person,
          tokens: {
            ...person.tokens,
            ...(await person.auth.refresh({ refreshToken: person.tokens.refreshToken })),
            $typeName: person.tokens.$typeName,
          },
        });
      }
      case "log_out": {
        const person = pick(sessions, happening.who);
        return person?.auth.logout({ refreshToken: person.tokens.refreshToken, scope: happening.scope });
      }
      case "revoke_session": {
        const sessionId = pick(sessions, happening.who)?.tokens.sessionId;
        return sessionId === undefined ? null : (await asAdmin()).revokeUserSession({ sessionId });
      }
      case "withdraw_key": {
        const keyId = kidOf(pick(sessions, happening.who)?.tokens.accessToken ?? "");
        return keyId === null ? null : (await asAdmin()).withdrawSigningKey({ keyId });
      }
      case "set_user_roles":
        return (await asAdmin()).setUserRoles({ userId: idOf(happening.user), roles: [...happening.roles] });
      case "set_role":
        return (await asAdmin()).setRole({ name: happening.role, permissions: [...happening.permissions] });
      case "delete_role":
        return (await asAdmin()).deleteRole({ name: happening.role });
      case "disable":
        return (await asAdmin()).disableUser({ userId: idOf(happening.user) });
      case "enable":
        return (await asAdmin()).enableUser({ userId: idOf(happening.user) });
      case "set_password":
        return (await asAdmin()).setUserPassword({
          userId: idOf(happening.user),
          password: passwordOf(pick(USERS, happening.user) ?? ""),
        });
      case "revoke_all":
        return (await asAdmin()).revokeAllUserSessions({ userId: idOf(happening.user) });
      case "rotate_keys":
        return (await asAdmin()).rotateSigningKeys({ force: true });
      case "restore":
        return app.beside((core) => core.declareRestored());
      case "cut":
        road.cut();
        return Promise.all(verifiers.map(reachAgain));
      case "pass":
        return app.clock.advance(happening.milliseconds);
    }
  }

  const truth = () =>
    app.beside(async ({ knowledge, keys }) =>
      stateOf(knowledge, { list: () => keys.publicKeys(), maxTtlMs: keys.maxAccessTtlMs }),
    );

  return {
    verifiers,
    tokens,
    truth,
    now: app.clock.now,
    /** Lets it happen, if it can. */
    async happen(happening: Happening): Promise<void> {
      try {
        await act(happening);
      } catch (error) {
        if (!(error instanceof ConnectError) || !REFUSED.has(error.code)) throw error;
      }
    },
    /** Resolves once every verifier, and the server, has come as far as the database. */
    async settle(): Promise<void> {
      const { at } = await truth();
      for (const verifier of verifiers)
        await eventually(() => verifier.state()).toMatchObject({ revision: at, isFresh: true });
    },
    async close() {
      for (const verifier of verifiers) await verifier.close();
      await road.close();
      await app.close();
    },
  };
}

function kidOf(token: string): string | null {
  const header: unknown = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString() || "{}");
  return typeof header === "object" && header !== null && "kid" in header ? String(header.kid) : null;
}
