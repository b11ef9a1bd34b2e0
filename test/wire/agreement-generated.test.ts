/** Whatever comes, the lean adapter answers as the library does. SALLYPORT_TEST_SEED repeats a run. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { callOf, FORMS } from "../support/agreement-forms.ts";
import { generatedRequests, SEED } from "../support/agreement-generated.ts";
import { usePair } from "../support/agreement-pair.ts";

const RUNS = 300;
const { agreed } = usePair();

describe(`with the seed ${SEED}`, () => {
  test.each(FORMS)("$name", async (form) => {
    const told = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(generatedRequests(form), async (sending) => {
        const status = statusIn(await agreed(sending));
        told.set(status, (told.get(status) ?? 0) + 1);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // Enough of them are good, and enough are bad, for the comparison to be worth something.
    expect(told.get("0") ?? 0).toBeGreaterThan(RUNS / 20);
    expect(RUNS - (told.get("0") ?? 0)).toBeGreaterThan(RUNS / 4);
    expect(statusIn(await agreed(callOf(form, "")))).toBe("0");
  });
});
