/** What happens to everybody: time passes, what is dead is tidied away, instances start again, the database is restored. */
import { setTimeout as pause } from "node:timers/promises";
import { createHousekeeping } from "../../../../src/housekeeping.ts";
import { createLog } from "../../../../src/log.ts";
import type { Action } from "./deed.ts";
import { TIMES, type World } from "./world.ts";

const SILENT = createLog({ level: "silent" });
const DONE = { outcome: { done: null } } as const;

/** Time passes. */
export function passing(milliseconds: number): Action {
  return {
    text: `let ${milliseconds} ms pass`,
    deed: () => ({
      expect(world) {
        world.now += milliseconds;
        return DONE;
      },
      async carryOut({ pass }) {
        await pass(milliseconds);
        return DONE;
      },
    }),
  };
}

/** Moments at which something changes by itself. */
function moments({ sessions, refreshTokens, accessTokens, buried, keys }: World): readonly number[] {
  return [
    ...sessions.flatMap(({ exchanges }) => exchanges.map(({ at }) => at + TIMES.grace)),
    ...refreshTokens.map(({ expiresAt }) => expiresAt),
    ...accessTokens.map(({ expiresAt }) => expiresAt),
    ...[...buried.values()].map((at) => at + TIMES.access),
    ...keys.flatMap(({ madeAt, diesAt }) => [madeAt + TIMES.keyCache, diesAt]),
  ];
}

/** Time passes until something changes by itself, or until a moment before or after. */
export function passingTo(distance: number, offsetMs: number): Action {
  return {
    text: `let time pass to change +${distance} and ${offsetMs} ms`,
    deed(world) {
      const ahead = [...new Set(moments(world).map((at) => at + offsetMs))].filter((at) => at > world.now);
      const sorted = ahead.filter(Number.isFinite).sort((one, other) => one - other);
      const moment = sorted[distance % Math.max(1, sorted.length)];
      return moment === undefined ? null : passing(moment - world.now).deed(world);
    },
  };
}

/** Housekeeping. Nobody can tell that it happened, but for what was dead: it is not known any more. */
export const TIDYING: Action = {
  text: "tidy up",
  deed: () => ({
    expect({ now, sessions, keys }) {
      for (const session of sessions)
        if (session.expiresAt < now && session.lastAccessExpiry < now) session.isGone = true;
      const alive = keys.filter(({ state, diesAt }) => state !== "retired" || diesAt >= now);
      keys.splice(0, keys.length, ...alive);
      return DONE;
    },
    async carryOut({ core: { store, serviceUse }, clock }) {
      await createHousekeeping({ store, serviceUse, earliest: clock.now, log: SILENT }).tidy();
      return DONE;
    },
  }),
};

/** Longer than instances take until they look at the log by themselves, and forget what concerns no living token. */
const LOOK_MS = 300;

/** Instances get time for what they do by themselves, while the clock stands still. Nobody can tell that they did. */
export const RESTING: Action = {
  text: "leave the instances alone",
  deed: () => ({
    expect: () => DONE,
    async carryOut() {
      await pause(LOOK_MS);
      return DONE;
    },
  }),
};

/** An instance starts again after housekeeping, and knows no more than what the database has kept. Nobody can tell. */
export const STARTING_AGAIN: Action = {
  text: "restart",
  deed(world) {
    const tidying = TIDYING.deed(world);
    return (
      tidying && {
        expect: tidying.expect,
        async carryOut(lab, instance) {
          const seen = await tidying.carryOut(lab, instance);
          await lab.restart(instance);
          return seen;
        },
      }
    );
  },
};

/** `restored`: every session ends, and every key that signed is gone. */
export const RESTORING: Action = {
  text: "declare the database restored",
  deed: () => ({
    expect({ now, sessions, keys }) {
      for (const session of sessions) session.hasEnded = true;
      const key = { kid: "", madeAt: now, diesAt: Number.POSITIVE_INFINITY };
      keys.splice(0, keys.length, { ...key, state: "active" }, { ...key, state: "next" });
      return DONE;
    },
    async carryOut({ core }) {
      await core.declareRestored();
      return DONE;
    },
  }),
};
