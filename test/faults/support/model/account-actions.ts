/** What people and administrators do to accounts. */
import type { User as ToldUser } from "../../../../gen/sallyport/auth/v1/user_pb.ts";
import type { Clients } from "../../../support/clients.ts";
import { type Action, type Deed, DONE, type Expected, refused, type Seen } from "./deed.ts";
import { seenOf } from "./seeing.ts";
import { endAll } from "./session-rules.ts";
import { at, fromEnd, type User, type World } from "./world.ts";

/** An id as users have it, of nobody. */
const NOBODY = "usr_00000000-0000-7000-8000-000000000000";

type Admin = Clients["admin"];

/** A deed on a user, done by somebody who may do everything. */
function onUser(
  text: string,
  name: string,
  change: (world: World, user: User) => Expected,
  call: (admin: Admin, userId: string) => Promise<Seen>,
  writes?: Deed["writes"],
): Action {
  return {
    text: `${text} of ${name}`,
    deed(world) {
      const userId = world.users.get(name)?.id ?? NOBODY;
      return {
        voids: name,
        ...(writes && { writes }),
        expect(present) {
          const user = present.users.get(name);
          return user?.id !== userId ? refused("USER_NOT_FOUND") : change(present, user);
        },
        carryOut: ({ clients, apiKey }, instance) => call(clients(instance, apiKey).admin, userId),
      };
    },
  };
}

/** Whether nobody else could administrate. */
function isLastAdmin(world: World, user: User): boolean {
  const admins = [...world.users.values()].filter(({ isActive, roles }) => isActive && roles.includes("admin"));
  return admins.length === 1 && admins[0] === user;
}

function shutOut(world: World, name: string, user: User): Expected {
  endAll(world, name);
  user.epoch += 1;
  return DONE;
}

function toldOf(user: ToldUser | undefined) {
  return { username: user?.username, roles: [...(user?.roles ?? [])].sort() };
}

/** Signup, for the roles of which anybody may take one. */
export function signingUp(name: string, password: string, roles: string[]): Action {
  return {
    text: `sign up ${name} as [${roles}]`,
    deed: () => ({
      expect({ users }) {
        if (roles.some((role) => role !== "user")) return refused("ROLE_NOT_SELF_ASSIGNABLE");
        if (users.has(name)) return refused("USERNAME_TAKEN");
        const user: User = { id: "", password, isActive: true, epoch: 1, roles: ["user"] };
        users.set(name, user);
        return {
          outcome: { done: { username: name, roles: user.roles } },
          learn: ({ userId = "" }) => users.set(name, { ...user, id: userId }),
        };
      },
      carryOut: ({ clients }, instance) =>
        seenOf(clients(instance).auth.signup({ username: name, password, roles }), ({ user }) => ({
          outcome: { done: toldOf(user) },
          made: { userId: user?.id ?? "" },
        })),
    }),
  };
}

/** A new password. */
export function settingPassword(name: string, password: string): Action {
  const change = (world: World, user: User) => {
    user.password = password;
    return shutOut(world, name, user);
  };
  const call = (admin: Admin, userId: string) => seenOf(admin.setUserPassword({ userId, password }));
  const writes = { what: `password of ${name}`, value: password };
  return onUser(`set password ${password.slice(0, 6)}`, name, change, call, writes);
}

/** Keeping a user out. */
export function disabling(name: string): Action {
  const change = (world: World, user: User) => {
    if (!user.isActive) return DONE;
    if (isLastAdmin(world, user)) return refused("LAST_ADMIN");
    user.isActive = false;
    return shutOut(world, name, user);
  };
  const call = (admin: Admin, userId: string) => seenOf(admin.disableUser({ userId }));
  return onUser("disable account", name, change, call, { what: `state of ${name}`, value: "disabled" });
}

/** Letting a user in again. */
export function enabling(name: string): Action {
  const change = (_world: World, user: User) => {
    user.isActive = true;
    return DONE;
  };
  const call = (admin: Admin, userId: string) => seenOf(admin.enableUser({ userId }));
  return onUser("enable account", name, change, call, { what: `state of ${name}`, value: "active" });
}

/** Other roles for a user. */
export function assigning(name: string, roles: string[]): Action {
  const change = (world: World, user: User): Expected => {
    if (!roles.every((role) => world.roles.has(role))) return refused("ROLE_NOT_FOUND");
    if (!roles.includes("admin") && isLastAdmin(world, user)) return refused("LAST_ADMIN");
    user.roles = roles;
    user.epoch += 1;
    return { outcome: { done: { username: name, roles: [...roles].sort() } } };
  };
  const call = (admin: Admin, userId: string) =>
    seenOf(admin.setUserRoles({ userId, roles }), ({ user }) => ({ outcome: { done: toldOf(user) } }));
  return onUser(`set roles [${roles}]`, name, change, call, { what: `roles of ${name}`, value: String(roles) });
}

/** The end of all sessions of a user; how many that were. */
export function revokingAll(name: string): Action {
  return onUser(
    "revoke all sessions",
    name,
    (world) => ({ outcome: { done: endAll(world, name) } }),
    (admin, userId) =>
      seenOf(admin.revokeAllUserSessions({ userId }), ({ endedCount }) => ({ outcome: { done: endedCount } })),
  );
}

/** The sessions of a user that are alive. */
export function listing(name: string): Action {
  const live = (world: World) =>
    world.sessions.filter((one) => one.user === name && !one.hasEnded && one.expiresAt > world.now);
  return onUser(
    "list sessions",
    name,
    (world) => ({
      outcome: {
        done: live(world)
          .map(({ id }) => id)
          .sort(),
      },
    }),
    (admin, userId) =>
      seenOf(admin.listUserSessions({ userId }), ({ sessions }) => ({
        outcome: { done: sessions.map(({ id }) => id).sort() },
      })),
  );
}

/** The end of a session of anybody. */
export function revoking(distance: number): Action {
  return {
    text: `revoke session -${distance}`,
    deed(world) {
      const found = fromEnd(world.sessions, distance);
      if (found === null) return null;
      const { index, item } = found;
      return {
        expect(present) {
          const session = at(present.sessions, index);
          if (session.isGone) return refused("SESSION_NOT_FOUND");
          session.hasEnded = true;
          return DONE;
        },
        carryOut: ({ clients, apiKey }, instance) =>
          seenOf(clients(instance, apiKey).admin.revokeUserSession({ sessionId: item.id })),
      };
    },
  };
}
