/**
 * What holds of every text field of every RPC, whatever somebody puts into it: a typed answer, the same in every
 * protocol, and whoever is told the text again is told it exactly.
 *
 * How the texts are spread over the seven forms of the wire: each field by itself gets six texts, all classes of
 * Unicode among them, through all seven, whose answers are compared. The 515 naughty strings, in all fields of an RPC
 * at once, go through one form each, the seven taking turns. At signup they go through more (test/rpc/text-names.test.ts,
 * text-passwords.test.ts): as user names through all seven; as addresses and passwords through all seven if a rule
 * refuses them, else, because each costs a hash, through two, every two of the seven in turn.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Chorus, startChorus } from "./chorus.ts";
import { concurrently } from "./concurrently.ts";
import type { Contracted } from "./methods.ts";
import { NAUGHTY_STRINGS } from "./naughty-strings.ts";
import type { Outcome } from "./outcomes.ts";
import { requestsFullOf, textFieldsOf } from "./text-fields.ts";
import { CATEGORIES, representativesOf, SEQUENCES } from "./unicode-classes.ts";

/** As many as wait for a hash without being turned away. */
const AT_ONCE = 14;

/** Hundreds of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

/** One code point of each category, in texts that are short enough for most fields. */
const [OF_LETTERS, OF_SIGNS, OF_THE_REST] = [/^[LM]/, /^[NPS]/, /^[ZC]/].map((kind) =>
  CATEGORIES.filter((category) => kind.test(category))
    .map((category) => representativesOf(category).at(-1))
    .join("a"),
);

/** For each field alone, in every protocol: all classes of Unicode, and some kinds of trouble. */
const COMPARED = ["", "undefined", "\u001b[2J\r\n\u0000\"'\\", OF_LETTERS, OF_SIGNS, OF_THE_REST].map(String);

/** For all fields at once, in one protocol or the other. */
const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...Object.values(SEQUENCES)])];

/** Kept in one form, which is another test's to know. */
const KEPT_IN_ONE_FORM: ReadonlySet<string> = new Set(["username", "email"]);

/** What no text in a request may ever lead to: faults, and whatever depends on more than the request. */
const UNTYPED: ReadonlySet<string> = new Set(
  "Internal Unknown DataLoss Unimplemented Unavailable DeadlineExceeded ResourceExhausted Canceled".split(" "),
);

/** Describes the text fields of these methods. */
export function describeTextFields(methods: readonly Contracted[]): void {
  let chorus: Chorus;
  beforeAll(async () => {
    chorus = await startChorus();
  });
  afterAll(() => chorus.close());

  const fields = methods.flatMap((contracted) =>
    textFieldsOf(contracted.method).map((field) => ({
      ...field,
      contracted,
      title: `${contracted.name} ${field.path}`,
    })),
  );
  const withText = methods.filter(({ method }) => textFieldsOf(method).length > 0);

  it("There are text fields", () => {
    expect(fields.length).toBeGreaterThan(10);
  });

  it.each(fields)("Text in $title is answered alike by every protocol, word by word", LONG, async (field) => {
    for (const text of COMPARED) {
      const outcome = await chorus.all(field.contracted, field.withText(text));
      expect(wrongWith(outcome, field.name, text)).toEqual([]);
    }
  });

  it.each(withText)("Naughty strings in all fields of $name are answered with a type", LONG, async (contracted) => {
    const requests = TEXTS.flatMap((text) =>
      requestsFullOf(text, contracted.method).map((request) => ({ text, request })),
    );
    const names = new Set(textFieldsOf(contracted.method).map(({ name }) => name));
    const wrong = await concurrently(AT_ONCE, requests, async ({ text, request }, index) => {
      const outcome = await chorus.turn(index).call(contracted, request);
      return [...names].flatMap((name) => wrongWith(outcome, name, text));
    });
    expect(wrong.flat()).toEqual([]);
  });
}

/** What is wrong with the outcome of a call that had the text in a field of this name. */
function wrongWith({ answer, refusal }: Outcome, name: string, text: string): readonly unknown[] {
  if (refusal !== null) {
    const isTyped = refusal.reason !== null && !UNTYPED.has(refusal.code);
    return isTyped ? [] : [[text, refusal.code, refusal.reason]];
  }
  if (KEPT_IN_ONE_FORM.has(name)) return [];
  return textsIn(answer, name)
    .filter((told) => told !== text)
    .map((told) => [text, told]);
}

/** The texts that an answer has under the name of this field, at any depth. */
function textsIn(answer: JsonValue, name: string): readonly string[] {
  if (typeof answer !== "object" || answer === null) return [];
  if (Array.isArray(answer)) return answer.flatMap((item) => textsIn(item, name));
  return Object.entries(answer).flatMap(([key, value]) => {
    if (key !== protoCamelCase(name)) return textsIn(value, name);
    return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
  });
}
