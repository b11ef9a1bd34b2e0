/**
 * What holds of every text field of every RPC, whatever somebody puts into it: a typed answer, the same in every
 * protocol, and whoever is told the text again is told it exactly.
 *
 * Each field by itself gets every text, the 515 naughty strings and all classes of Unicode among them, through each of
 * the seven forms of the wire, whose whole answers are compared. Here the test writes and reads the bytes itself; six of
 * the texts go through the clients of the library as well. Then all fields of an RPC get the same text at once. What
 * becomes of names, passwords and the like once they are stored is in test/rpc/text-names.test.ts, text-passwords.test.ts
 * and at the end of the files that this suite is described in.
 */
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Chorus, startChorus } from "./chorus.ts";
import { addressFormOf, nameFormOf } from "./kept-forms.ts";
import type { Contracted } from "./methods.ts";
import { NAUGHTY_STRINGS } from "./naughty-strings.ts";
import { type Outcome, textsIn } from "./outcomes.ts";
import { requestsFullOf, textFieldsOf } from "./text-fields.ts";
import { CATEGORIES, representativesOf, SEQUENCES } from "./unicode-classes.ts";

/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

/** One code point of each category, in texts that are short enough for most fields. */
const [OF_LETTERS, OF_SIGNS, OF_THE_REST] = [/^[LM]/, /^[NPS]/, /^[ZC]/].map((kind) =>
  CATEGORIES.filter((category) => kind.test(category))
    .map((category) => representativesOf(category).at(-1))
    .join("a"),
);

/** All classes of Unicode, and some kinds of trouble. */
const A_FEW = ["", "undefined", "\u001b[2J\r\n\u0000\"'\\", OF_LETTERS, OF_SIGNS, OF_THE_REST].map(String);

/** Texts that mean something only as a whole, and those few. */
const CLASSES = [...A_FEW, ...Object.values(SEQUENCES)];

/** Every one. */
const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASSES])];

/** What is not told word by word, but in the one form in which it is kept. */
const FORMS: Readonly<Record<string, (text: string) => string>> = { username: nameFormOf, email: addressFormOf };

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
    const { contracted, name, withText } = field;
    const outcomes = await chorus.each(contracted, TEXTS.map(withText));
    expect(outcomes.flatMap((outcome, index) => wrongWith(outcome, name, TEXTS[index] ?? ""))).toEqual([]);
    for (const text of A_FEW) {
      expect(wrongWith(await chorus.all(contracted, withText(text)), name, text)).toEqual([]);
    }
  });

  it.each(withText)(
    "The same text in all fields of $name is answered alike by every protocol",
    LONG,
    async (contracted) => {
      const requests = CLASSES.flatMap((text) =>
        requestsFullOf(text, contracted.method).map((request) => ({ text, request })),
      );
      const names = new Set(textFieldsOf(contracted.method).map(({ name }) => name));
      const outcomes = await chorus.each(
        contracted,
        requests.map(({ request }) => request),
      );
      const wrong = outcomes.flatMap((outcome, index) =>
        [...names].flatMap((name) => wrongWith(outcome, name, requests[index]?.text ?? "")),
      );
      expect(wrong).toEqual([]);
    },
  );
}

/** What is wrong with the outcome of a call that had the text in a field of this name. */
function wrongWith({ answer, refusal }: Outcome, name: string, text: string): readonly unknown[] {
  if (refusal !== null) {
    const isTyped = refusal.reason !== null && !UNTYPED.has(refusal.code);
    return isTyped ? [] : [[text, refusal.code, refusal.reason]];
  }
  const kept = FORMS[name]?.(text) ?? text;
  return textsIn(answer, protoCamelCase(name))
    .filter((told) => told !== kept)
    .map((told) => [text, told]);
}
