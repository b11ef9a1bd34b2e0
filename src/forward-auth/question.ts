/**
 * The query of a proxy's question, read without mercy: a condition that was overlooked,
 * because it is misspelt, empty or there twice, would be an open door.
 */
import { create, fromJson } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { AccessRuleSchema } from "../../gen/sallyport/access/v1/access_pb.ts";
import { readStated } from "../access/method-rules.ts";
import type { Question } from "../check/checker.ts";

/** What is asked about whatever token comes, or what is wrong with the question. */
export type QuestionReading =
  | { readonly question: Omit<Question, "token">; readonly fault: null }
  | { readonly question: null; readonly fault: string };

/** What tokens are issued for here. */
export type Audiences = {
  readonly audiences: readonly string[];
  /** The one that an empty name means. */
  readonly standardAudience: string;
};

/** What a question may state. */
const PARAMETERS: ReadonlySet<string> = new Set(["audience", "any_role", "all_permissions", "max_auth_age"]);
/** As JSON has a google.protobuf.Duration; zero is left to the rule to refuse. */
const SECONDS = /^\d{1,9}(\.\d{1,9})?s$/;
/** A name that can be repeated to whoever sent it: no token looks like this. */
const NAME = /^[a-z_]{1,32}$/;

/**
 * Reads a query such as `audience=static&any_role=editor,author&max_auth_age=300s`, whose rule keeps the bounds of an
 * `AccessRule`. `audience` must be there: a proxy that states no query of its own may pass its client's on (Caddy does),
 * and that is noticed with the first client, whose query is another. One that names an audience is a complete question
 * all the same, which `isOfClient` is for.
 */
export function readQuestion(query: string, { audiences, standardAudience }: Audiences): QuestionReading {
  const { stated, fault } = readParameters(query);
  if (stated === null) return refused(fault);
  const audience = stated.get("audience");
  if (audience === undefined) return refused("audience must be stated; empty for the default one");
  if (audience !== "" && !audiences.includes(audience)) return refused("audience is none of SALLYPORT_AUDIENCES");
  const maxAuthAge = stated.get("max_auth_age");
  const atMost = maxAuthAge === undefined ? null : durationOf(maxAuthAge);
  if (maxAuthAge !== undefined && atMost === null) return refused("max_auth_age must be in seconds, such as 300s");
  const { rule, fault: ruleFault } = readStated(
    create(AccessRuleSchema, {
      authenticated: true,
      anyRole: namesIn(stated.get("any_role")),
      allPermissions: namesIn(stated.get("all_permissions")),
      ...(atMost !== null && { maxAuthAge: atMost }),
    }),
  );
  if (rule === null) return refused(ruleFault);
  return { question: { audience: audience || standardAudience, rule }, fault: null };
}

type Parameters = { readonly stated: ReadonlyMap<string, string>; readonly fault: null };

function readParameters(query: string): Parameters | { readonly stated: null; readonly fault: string } {
  const stated = new Map<string, string>();
  for (const pair of query === "" ? [] : query.split("&")) {
    const [name = "", value, ...more] = pair.split("=");
    if (!PARAMETERS.has(name)) return { stated: null, fault: unknown(name) };
    if (stated.has(name)) return { stated: null, fault: `${name} is there twice` };
    const decoded = value === undefined || more.length > 0 ? null : decode(value);
    if (decoded === null) return { stated: null, fault: `${name} cannot be read` };
    stated.set(name, decoded);
  }
  return { stated, fault: null };
}

function unknown(name: string): string {
  if (name === "access_token") return "a token is never taken from the URL; it belongs into authorization";
  return `there is no parameter ${NAME.test(name) ? name : "of such a name"}`;
}

/** Percent-decoded UTF-8, or `null` if it is not that. A plus is a plus. */
function decode(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** An empty value is one empty name, which no rule may have. */
function namesIn(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(",");
}

function durationOf(text: string): Duration | null {
  return SECONDS.test(text) ? fromJson(DurationSchema, text) : null;
}

function refused(fault: string): QuestionReading {
  return { question: null, fault };
}
