/** Actions as commands of fast-check: done to the service and to the reference, and held against each other. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect } from "vitest";
import { anyAction, anyCall } from "./actions.ts";
import type { Action, Deed, Expected, Outcome, Seen } from "./deed.ts";
import type { Lab } from "./lab.ts";
import { compareVerdicts } from "./questions.ts";
import { compareKeys } from "./rights-actions.ts";
import type { World } from "./world.ts";

/** The reference, which a command may replace by a copy of it. */
export type Model = { world: World };

/** What a run came across: outcomes, and verdicts on tokens, that there were. */
export type Diary = Set<string>;

type Command = fc.AsyncCommand<Model, Lab>;

function noteOutcome(diary: Diary, action: Action, { outcome }: Seen): void {
  const [verb] = action.text.split(" ");
  diary.add("refused" in outcome ? outcome.refused : `${verb}: done`);
}

/** What must hold after whatever happened, at both instances. */
async function compareAll(lab: Lab, world: World, diary: Diary): Promise<void> {
  for (const instance of [0, 1]) {
    await lab.upToDate(instance);
    await compareKeys(lab, world, instance);
    for (const verdict of await compareVerdicts(lab, world, instance)) diary.add(verdict);
  }
}

function alone(action: Action, instance: number, diary: Diary): Command {
  return {
    check: ({ world }) => action.deed(world) !== null,
    async run({ world }, lab) {
      const deed = action.deed(world);
      if (deed === null) return;
      const seen = await deed.carryOut(lab, instance);
      const expected = deed.expect(world);
      expect(seen.outcome, action.text).toEqual(expected.outcome);
      expected.learn?.(seen.made ?? {});
      noteOutcome(diary, action, seen);
      await compareAll(lab, world, diary);
    },
    toString: () => `${action.text} (at ${instance})`,
  };
}

/** A reference in which both happened, one after the other, and what each was to be answered. */
type Story = { readonly world: World; readonly expected: readonly [Expected, Expected] };

function tell(world: World, first: Deed, second: Deed): Story {
  const copy = structuredClone(world);
  return { world: copy, expected: [first.expect(copy), second.expect(copy)] };
}

/** A login is refused if something else voids its user's tokens between the password and the session. */
const LOST: readonly Outcome[] = [{ refused: "UNAVAILABLE" }, { refused: "CREDENTIALS_INVALID" }];

function lostRaces(world: World, login: Deed, other: Deed): readonly Story[] {
  if (login.logsIn === undefined || login.logsIn !== other.voids) return [];
  return LOST.map((outcome) => tell(world, { ...login, expect: () => ({ outcome }) }, other));
}

/** Where one was let in before the other happened, and did its work after that. */
function lateArrivals(world: World, late: Deed, other: Deed): readonly Story[] {
  const { expectAfter } = late;
  if (expectAfter === undefined) return [];
  return [tell(world, other, { ...late, expect: (present) => expectAfter(world, present) })];
}

function swapped({ world, expected: [first, second] }: Story): Story {
  return { world, expected: [second, first] };
}

/** Whether both leave something that only the later of them decides, and that nobody can look at. */
function isUndecidable({ writes: one }: Deed, { writes: other }: Deed): boolean {
  return one !== undefined && other !== undefined && one.what === other.what && one.value !== other.value;
}

/** Those of the stories that explain the answers, with what the service made up. */
function explanations(stories: readonly Story[], seen: readonly Seen[]): readonly Story[] {
  return stories.filter(({ expected }) => {
    const isIt = seen.every(({ outcome }, index) => isDeepStrictEqual(outcome, expected[index]?.outcome));
    if (isIt) for (const [index, { learn }] of expected.entries()) learn?.(seen[index]?.made ?? {});
    return isIt;
  });
}

/** Two calls at once, at both instances: it must have been one order or the other. */
function atOnce(one: Action, other: Action, diary: Diary): Command {
  const deeds = ({ world }: Readonly<Model>) => {
    const [first, second] = [one.deed(world), other.deed(world)];
    return first === null || second === null || isUndecidable(first, second) ? null : ([first, second] as const);
  };
  return {
    check: (model) => deeds(model) !== null,
    async run(model, lab) {
      const [first, second] = deeds(model) ?? [];
      if (first === undefined || second === undefined) return;
      const seen = await Promise.all([first.carryOut(lab, 0), second.carryOut(lab, 1)]);
      const stories = [
        tell(model.world, first, second),
        swapped(tell(model.world, second, first)),
        ...lostRaces(model.world, first, second),
        ...lostRaces(model.world, second, first).map(swapped),
        ...lateArrivals(model.world, first, second).map(swapped),
        ...lateArrivals(model.world, second, first),
      ];
      const possible = explanations(stories, seen);
      const outcomes = stories.map(({ expected }) => expected.map(({ outcome }) => outcome));
      if (possible.length === 0) expect(outcomes).toContainEqual(seen.map(({ outcome }) => outcome));
      diary.add("at once");
      model.world = await truest(lab, possible, diary);
    },
    toString: () => `${one.text} & ${other.text} (at once)`,
  };
}

/** What the instances say of everything tells the order where the answers do not. */
async function truest(lab: Lab, stories: readonly Story[], diary: Diary): Promise<World> {
  let fault: unknown;
  for (const { world } of stories) {
    try {
      await compareAll(lab, world, diary);
      return world;
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}

/** Commands that are known beforehand, at the two instances in turn. */
export function knownCommands(actions: readonly Action[], diary: Diary): readonly Command[] {
  return actions.map((action, index) => alone(action, index % 2, diary));
}

/** Commands, so many at most; what they come across goes into the diary. */
export function anyCommands(most: number, diary: Diary) {
  const single = fc.tuple(anyAction, fc.nat(1)).map(([action, instance]) => alone(action, instance, diary));
  const double = fc.tuple(anyCall, anyCall).map(([one, other]) => atOnce(one, other, diary));
  return fc.commands([single, single, single, double], { maxCommands: most, size: "max" });
}
