import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdTable, ENTRY_WORDS } from "../../src/check/id-table.ts";
import { ID_WORDS, writeIdWords } from "../../src/lib/id-words.ts";
import { systemRandom } from "../../src/lib/random.ts";

const wordsOf = (id: string) => {
  const words = new Uint32Array(ID_WORDS);
  writeIdWords(id, words, 0);
  return words;
};

describe("The words of an id", () => {
  it("are the bytes of its UUID, whatever the prefix", () => {
    const uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    const expected = [0x01890a5d, 0xac96774b, 0xbcceb302, 0x099a8057];
    for (const prefix of ["ses", "usr", "x"]) expect([...wordsOf(`${prefix}_${uuid}`)]).toEqual(expected);
  });

  it.each([
    "01890a5d-ac96-774b-bcce-b302099a8057",
    "ses_01890A5D-ac96-774b-bcce-b302099a8057",
    "ses_01890a5d-ac96-774b-bcce-b302099a805",
    "ses_01890a5dac96-774b-bcce-b302099a80577",
    "ses_01890a5d-ac96-774b-bcce-b302099a805g",
    "ses_01890a5d-ac96-774b-bcce-b302099a805\u0661",
    "",
    "ses_1",
  ])("of another text, %j, are not those of a UUID", (text) => {
    expect([...wordsOf(text)]).not.toEqual([0x01890a5d, 0xac96774b, 0xbcceb302, 0x099a8057]);
    expect([...wordsOf(text)]).toEqual([...wordsOf(text)]);
    expect([...wordsOf(text)]).not.toEqual([...wordsOf(`${text} `)]);
  });
});

describe("The table of ids", () => {
  it("knows each of many, and no other, while half of them go and as many come", () => {
    const table = createIdTable();
    const some = (count: number) => Array.from({ length: count }, () => systemRandom.id("ses"));
    const [old, young, late, strangers] = [some(20_000), some(20_000), some(20_000), some(20_000)];
    for (const id of old) table.raise(id, 1, 10);
    for (const id of young) table.raise(id, 2, 20);
    for (let turn = 0; turn < 100; turn += 1) table.forget(10);
    for (const id of late) table.raise(id, 3, 30);
    const numbersOf = (ids: readonly string[]) => new Set(ids.map((id) => table.get(id)));
    expect([old, young, late, strangers].map(numbersOf)).toEqual([
      new Set([null]),
      new Set([2]),
      new Set([3]),
      new Set([null]),
    ]);
  });

  /** Ids of which many meet in the same part, and in the same places. */
  const id = fc.tuple(fc.nat(3), fc.nat(40)).map(([part, low]) => {
    const last = ((part << 24) | (low * 8)).toString(16).padStart(8, "0");
    return `ses_00000000-0000-7000-8000-0000${last}`;
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ raise: id, number: fc.nat(9), expiry: fc.integer({ min: 1, max: 50 }) }) },
    { weight: 1, arbitrary: fc.record({ forget: fc.nat(50) }) },
  );

  it("knows what a plain map knows, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = createIdTable();
        const model = createModel();
        for (const one of steps) {
          for (const known of [table, model]) {
            if ("forget" in one) known.forget(one.forget);
            else known.raise(one.raise, one.number, one.expiry);
          }
        }
        expect(table.size()).toBe(model.entries.size);
        for (const [key, { number }] of model.entries) expect(table.get(key)).toBe(number);
        const entries = [...table.entries()].flatMap((part) => rowsOf(part));
        const expected = [...model.entries].map(([key, { number, expiry }]) =>
          [...wordsOf(key), number, expiry].join(),
        );
        expect(entries.sort()).toEqual(expected.sort());
      }),
    );
  });

  it("finds none of those that were never put in", () => {
    const table = createIdTable();
    const ids = Array.from({ length: 20_000 }, () => systemRandom.id("ses"));
    for (const known of ids.slice(0, 10_000)) table.raise(known, 1, 100);
    expect(ids.map((one) => table.get(one))).toEqual(ids.map((_, index) => (index < 10_000 ? 1 : null)));
  });

  it("forgets a large table piece by piece, and all of it in the end", () => {
    const table = createIdTable();
    for (let count = 0; count < 50_000; count += 1) table.raise(systemRandom.id("ses"), 0, 1 + (count % 2) * 1000);
    table.forget(1);
    expect(table.size()).toBeGreaterThan(25_000);
    for (let calls = 0; calls < 20; calls += 1) table.forget(1);
    expect(table.size()).toBe(25_000);
    for (let calls = 0; calls < 40; calls += 1) table.forget(2000);
    expect([table.size(), [...table.entries()].flatMap(rowsOf)]).toEqual([0, []]);
  });
});

function rowsOf(part: Uint32Array): string[] {
  return Array.from({ length: part.length / ENTRY_WORDS }, (_, row) =>
    part.subarray(row * ENTRY_WORDS, (row + 1) * ENTRY_WORDS).join(),
  );
}

/** The same in the plainest way. */
function createModel() {
  const entries = new Map<string, { readonly number: number; readonly expiry: number }>();
  return {
    entries,
    raise(key: string, number: number, expiry: number) {
      const known = entries.get(key) ?? { number: 0, expiry: 0 };
      entries.set(key, { number: Math.max(known.number, number), expiry: Math.max(known.expiry, expiry) });
    },
    forget(now: number) {
      for (const [key, { expiry }] of entries) if (expiry <= now) entries.delete(key);
    },
  };
}
