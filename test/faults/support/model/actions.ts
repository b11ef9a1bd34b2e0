/** What may happen, drawn by lot: few names and many collisions. */
import fc from "fast-check";
import {
  assigning,
  disabling,
  enabling,
  listing,
  revoking,
  revokingAll,
  settingPassword,
  signingUp,
} from "./account-actions.ts";
import type { Action } from "./deed.ts";
import { asking } from "./questions.ts";
import { defining, deleting, dismissing, employing, rotating, serving, withdrawing } from "./rights-actions.ts";
import {
  comingFromTheFuture,
  loggingIn,
  loggingOut,
  loggingOutByAccess,
  refreshing,
  replaying,
  revokingOwn,
} from "./session-actions.ts";
import { passing, passingTo, RESTING, RESTORING, STARTING_AGAIN, TIDYING } from "./time-actions.ts";

/** The password that the administrator begins with; everybody's may become it. */
export const FIRST_PASSWORD = "kites and anchors in the harbour";
const SECOND_PASSWORD = "lanterns beneath the old bridge";

const anyName = fc.constantFrom("ada", "ada", "bob", "root");
const anyPassword = fc.constantFrom(FIRST_PASSWORD, FIRST_PASSWORD, SECOND_PASSWORD);
const anySignupRoles = fc.constantFrom<string[]>([], [], ["user"], ["admin"]);
const anyAudiences: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string[]>([]) },
  { weight: 2, arbitrary: fc.constantFrom<string[]>(["sallyport", "orders"], ["orders"], ["billing", "sallyport"]) },
  { weight: 1, arbitrary: fc.constant<string[]>(["nowhere"]) },
);
const anyRoles = fc.subarray(["user", "admin", "clerk", "chief"]);
const anyRole = fc.constantFrom("clerk", "chief", "clerk", "user", "admin");
const anyGrants = fc.subarray(["orders:*", "orders:read", "users:read", "*"]);
const anyService = fc.constantFrom("shop", "depot");
const anyScope = fc.constantFrom("SESSION", "SESSION", "OTHERS", "ALL");
/** Mostly of the newest. */
const distance = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 2, arbitrary: fc.nat(30) });
const attempt = fc.constantFrom(0, 0, 1, 2);
const anyQuestion = fc.record({
  audience: fc.constantFrom("sallyport", "sallyport", "orders", "billing"),
  anyRole: fc.oneof(fc.constant([]), fc.subarray(["user", "admin", "clerk"])),
  allPermissions: fc.oneof(fc.constant([]), fc.subarray(["orders:read", "orders:eu:write", "users:read"])),
  maxAuthAgeMs: fc.option(fc.constantFrom(1, 10_000, 60_000, 200_000)),
});

type Weighted = { readonly weight: number; readonly arbitrary: fc.Arbitrary<Action> };

/** What one caller asks of one instance, and others of another at the same time; nothing about keys. */
const CALLS: readonly Weighted[] = [
  {
    weight: 4,
    arbitrary: fc.tuple(anyName, anyPassword, anySignupRoles).map((all) => signingUp(...all)),
  },
  { weight: 10, arbitrary: fc.tuple(anyName, anyPassword, anyAudiences).map((all) => loggingIn(...all)) },
  { weight: 22, arbitrary: fc.tuple(distance, attempt, anyAudiences).map((all) => refreshing(...all)) },
  { weight: 14, arbitrary: fc.tuple(fc.nat(30), attempt).map((all) => replaying(...all)) },
  { weight: 5, arbitrary: fc.tuple(distance, anyScope).map((all) => loggingOut(...all)) },
  { weight: 3, arbitrary: fc.tuple(distance, anyScope).map((all) => loggingOutByAccess(...all)) },
  { weight: 3, arbitrary: fc.tuple(distance, distance).map((all) => revokingOwn(...all)) },
  { weight: 2, arbitrary: distance.map(revoking) },
  { weight: 1, arbitrary: anyName.map(revokingAll) },
  { weight: 2, arbitrary: fc.tuple(anyName, anyPassword).map((all) => settingPassword(...all)) },
  { weight: 2, arbitrary: anyName.map(disabling) },
  { weight: 3, arbitrary: anyName.map(enabling) },
  { weight: 4, arbitrary: fc.tuple(anyName, anyRoles).map((all) => assigning(...all)) },
  { weight: 4, arbitrary: fc.tuple(anyRole, anyGrants).map((all) => defining(...all)) },
  { weight: 2, arbitrary: anyRole.map(deleting) },
  { weight: 2, arbitrary: fc.tuple(anyService, anyGrants).map((all) => employing(...all)) },
  { weight: 1, arbitrary: anyService.map(dismissing) },
  { weight: 3, arbitrary: distance.map(serving) },
  { weight: 6, arbitrary: fc.tuple(distance, anyQuestion).map((all) => asking(...all)) },
];

/** Any call that may overlap another. */
export const anyCall: fc.Arbitrary<Action> = fc.oneof(...CALLS);

/** Anything that happens on its own. */
export const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 70, arbitrary: anyCall },
  { weight: 3, arbitrary: fc.boolean().map(rotating) },
  { weight: 2, arbitrary: fc.nat(3).map(withdrawing) },
  { weight: 2, arbitrary: fc.tuple(distance, fc.constantFrom(1, 1, 2)).map((all) => comingFromTheFuture(...all)) },
  { weight: 2, arbitrary: anyName.map(listing) },
  { weight: 5, arbitrary: fc.constantFrom(1, 999, 4_000, 9_999, 10_000, 30_000).map(passing) },
  { weight: 9, arbitrary: fc.tuple(fc.nat(6), fc.constantFrom(-1, 0, 0, 1)).map((all) => passingTo(...all)) },
  { weight: 1, arbitrary: fc.constant(TIDYING) },
  { weight: 1, arbitrary: fc.constant(RESTORING) },
  { weight: 4, arbitrary: fc.constantFrom(STARTING_AGAIN, STARTING_AGAIN, STARTING_AGAIN, RESTING) },
);
