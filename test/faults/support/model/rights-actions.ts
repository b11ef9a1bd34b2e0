/** What administrators do to roles, keys and services, and what services may do. */

import { expect } from "vitest";
import { SigningKeyState } from "../../../../gen/sallyport/auth/v1/signing_key_pb.ts";
import { type Action, DONE, type Expected, refused } from "./deed.ts";
import type { Lab } from "./lab.ts";
import { seenOf } from "./seeing.ts";
import { isGranted } from "./verdicts.ts";
import { fromEnd, HANDOVER_MS, type Key, TIMES, type World } from "./world.ts";

/** What a role grants from now on. */
export function defining(name: string, permissions: string[]): Action {
  return {
    text: `let role ${name} grant [${permissions}]`,
    deed: () => ({
      writes: { what: `role ${name}`, value: String(permissions) },
      expect({ now, roles, buried }) {
        if (name === "admin") return refused("ROLE_BUILT_IN");
        const deletedAt = buried.get(name);
        if (!roles.has(name) && deletedAt !== undefined && now < deletedAt + TIMES.access)
          return refused("ROLE_NAME_RESTING");
        roles.set(name, permissions);
        return DONE;
      },
      carryOut: ({ clients, apiKey }, instance) =>
        seenOf(clients(instance, apiKey).admin.setRole({ name, permissions })),
    }),
  };
}

/** The end of a role that nobody holds. */
export function deleting(name: string): Action {
  return {
    text: `delete role ${name}`,
    deed: () => ({
      expect({ now, users, roles, buried }) {
        if (!roles.has(name)) return refused("ROLE_NOT_FOUND");
        if (name === "admin" || name === "user") return refused("ROLE_BUILT_IN");
        if ([...users.values()].some((user) => user.roles.includes(name))) return refused("ROLE_IN_USE");
        roles.delete(name);
        buried.set(name, now);
        return DONE;
      },
      carryOut: ({ clients, apiKey }, instance) => seenOf(clients(instance, apiKey).admin.deleteRole({ name })),
    }),
  };
}

function newKey(now: number): Key {
  return { kid: "", state: "next", madeAt: now, diesAt: Number.POSITIVE_INFINITY };
}

/** Moves the keys on; the new one is named by the answer, or found among those that are listed later. */
function moveOn(world: World): Key {
  for (const key of world.keys) if (key.state === "next") key.state = "active";
  const fresh = newKey(world.now);
  world.keys.push(fresh);
  return fresh;
}

/** A rotation of the keys that sign. */
export function rotating(force: boolean): Action {
  return {
    text: force ? "rotate keys by force" : "rotate keys",
    deed: () => ({
      expect(world) {
        const next = world.keys.find(({ state }) => state === "next");
        if (!force && world.now < (next?.madeAt ?? 0) + TIMES.keyCache) return refused("NEXT_KEY_TOO_NEW");
        const active = world.keys.find(({ state }) => state === "active");
        if (active !== undefined)
          Object.assign(active, { state: "retired", diesAt: world.now + HANDOVER_MS + TIMES.access });
        const fresh = moveOn(world);
        const learn: Expected["learn"] = ({ kids = [] }) => {
          fresh.kid = kids[0] ?? "";
        };
        return { outcome: { done: [next?.kid, active?.kid] }, learn };
      },
      carryOut: ({ clients, apiKey }, instance) =>
        seenOf(clients(instance, apiKey).admin.rotateSigningKeys({ force }), (answer) => ({
          outcome: { done: [answer.activeKeyId, answer.retiredKeyId] },
          made: { kids: [answer.nextKeyId] },
        })),
    }),
  };
}

/** The end of a key that may have leaked. */
export function withdrawing(distance: number): Action {
  return {
    text: `withdraw key -${distance}`,
    deed(world) {
      const found = fromEnd(world.keys, distance);
      if (found === null) return null;
      const { kid } = found.item;
      return {
        expect(present) {
          const index = present.keys.findIndex((key) => key.kid === kid);
          const [key] = index < 0 ? [] : present.keys.splice(index, 1);
          if (key === undefined) return refused("KEY_NOT_FOUND");
          if (key.state === "active") moveOn(present);
          if (key.state === "next") present.keys.push(newKey(present.now));
          return DONE;
        },
        carryOut: ({ clients, apiKey }, instance) =>
          seenOf(clients(instance, apiKey).admin.withdrawSigningKey({ keyId: kid })),
      };
    },
  };
}

const STATES = { next: SigningKeyState.NEXT, active: SigningKeyState.ACTIVE, retired: SigningKeyState.RETIRED };

/** Holds the keys against those that an instance lists, and names those that came by themselves. */
export async function compareKeys({ clients, apiKey }: Lab, { keys }: World, instance: number): Promise<void> {
  const listed = (await clients(instance, apiKey).admin.listSigningKeys({})).keys;
  for (const key of keys) {
    const isIt = ({ id, state }: { readonly id: string; readonly state: SigningKeyState }) =>
      state === STATES[key.state] && !keys.some(({ kid }) => kid === id);
    if (key.kid === "") key.kid = listed.find(isIt)?.id ?? "";
  }
  const told = keys.map(({ kid, state }) => `${kid} ${STATES[state]}`);
  expect(listed.map(({ id, state }) => `${id} ${state}`).sort()).toEqual(told.sort());
}

/** A new service credential. */
export function employing(name: string, permissions: string[]): Action {
  return {
    text: `make service ${name} with [${permissions}]`,
    deed: () => ({
      expect({ services }) {
        if (services.some((service) => service.name === name && service.isLive)) return refused("SERVICE_NAME_TAKEN");
        const service = { name, permissions, key: "", isLive: true };
        services.push(service);
        return {
          outcome: { done: null },
          learn({ apiKey = "" }) {
            service.key = apiKey;
          },
        };
      },
      carryOut: ({ clients, apiKey }, instance) =>
        seenOf(clients(instance, apiKey).admin.createService({ name, permissions }), (answer) => ({
          outcome: { done: null },
          made: { apiKey: answer.apiKey },
        })),
    }),
  };
}

/** The end of a service credential. */
export function dismissing(name: string): Action {
  return {
    text: `revoke service ${name}`,
    deed: () => ({
      expect({ services }) {
        const service = services.find((one) => one.name === name && one.isLive);
        if (service === undefined) return refused("SERVICE_NOT_FOUND");
        service.isLive = false;
        return DONE;
      },
      carryOut: ({ clients, apiKey }, instance) => seenOf(clients(instance, apiKey).admin.revokeService({ name })),
    }),
  };
}

/** A call by a service, with a key that it may have lost. */
export function serving(distance: number): Action {
  return {
    text: `list roles by service -${distance}`,
    deed(world) {
      const found = fromEnd(world.services, distance);
      if (found === null) return null;
      const { index, item } = found;
      return {
        expect({ services }) {
          const service = services[index];
          if (service?.isLive !== true) return refused("TOKEN_INVALID");
          return isGranted(service.permissions, "roles:read") ? DONE : refused("PERMISSION_MISSING");
        },
        carryOut: ({ clients }, instance) => seenOf(clients(instance, item.key).admin.listRoles({})),
      };
    },
  };
}
