/** What is asked about tokens. */
import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import type { AuthorizeResponse } from "../../../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { verdictOf } from "../../../support/decisions.ts";
import type { Action } from "./deed.ts";
import type { Lab } from "./lab.ts";
import { seenOf } from "./seeing.ts";
import { type Question, SIGNED_IN, verdictOn } from "./verdicts.ts";
import { type AccessToken, at, fromEnd, type World } from "./world.ts";

/** As many tokens as one call may ask about. */
const BATCH = 50;

/** The reason alone: the step that follows is a function of it. */
function reasonOf(answer: AuthorizeResponse): string {
  return verdictOf(answer).split(",")[0] ?? "";
}

/** Whom a granted token is said to speak for, and whether the answer may be kept no longer than it lives. */
function principalOf({ decision }: AuthorizeResponse, now: number) {
  if (decision.case !== "granted" || decision.value.principal === undefined) return null;
  const { principal, cacheFor } = decision.value;
  const expiresAt = principal.expiresAt === undefined ? 0 : timestampMs(principal.expiresAt);
  const isKeptTooLong = cacheFor !== undefined && durationMs(cacheFor) > expiresAt - now;
  return { session: principal.sessionId, roles: [...principal.roles].sort(), expiresAt, isKeptTooLong };
}

function expectedPrincipal(world: World, { session, roles, expiresAt }: AccessToken) {
  return { session: at(world.sessions, session).id, roles: [...roles].sort(), expiresAt, isKeptTooLong: false };
}

/** `Authorize`. */
export function asking(distance: number, question: Question): Action {
  const { audience, anyRole, allPermissions, maxAuthAgeMs } = question;
  return {
    text: `ask about access token -${distance}: ${JSON.stringify(question)}`,
    deed(world) {
      const token = fromEnd(world.accessTokens, distance)?.item;
      if (token === undefined) return null;
      return {
        expect(present) {
          const verdict = verdictOn(present, token, question);
          const principal = verdict === "GRANTED" ? expectedPrincipal(present, token) : null;
          return { outcome: { done: { verdict, principal } } };
        },
        carryOut: ({ clients, clock }, instance) => {
          const age = maxAuthAgeMs === null ? {} : { maxAuthAge: durationFromMs(maxAuthAgeMs) };
          const request = { accessToken: token.text, audience, ...age };
          const conditions = { anyRole: [...anyRole], allPermissions: [...allPermissions] };
          return seenOf(clients(instance).auth.authorize({ ...request, ...conditions }), (answer) => ({
            outcome: { done: { verdict: reasonOf(answer), principal: principalOf(answer, clock.now()) } },
          }));
        },
      };
    },
  };
}

/** Asks an instance about the newest tokens of all, and holds each answer against the reference; the verdicts that fell. */
export async function compareVerdicts(lab: Lab, world: World, instance: number): Promise<readonly string[]> {
  const tokens = world.accessTokens.slice(-BATCH);
  if (tokens.length === 0) return [];
  const items = tokens.map(({ text }, index) => ({
    correlationId: String(index),
    request: { accessToken: text, audience: SIGNED_IN.audience },
  }));
  const { results } = await lab.clients(instance).auth.batchAuthorize({ items });
  const verdicts = results.map(({ outcome }) =>
    outcome.case === "response" ? reasonOf(outcome.value) : String(outcome.value?.reason),
  );
  expect(verdicts, `verdicts of instance ${instance} on all tokens`).toEqual(
    tokens.map((token) => verdictOn(world, token, SIGNED_IN)),
  );
  return verdicts;
}
