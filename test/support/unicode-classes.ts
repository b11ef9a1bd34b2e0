/** Representatives of every class of Unicode, and sequences that mean something only together. */

/** Every General_Category whose code points can be written in UTF-8: all but Cs, the surrogates. */
export const CATEGORIES = [
  ..."Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po".split(" "),
  ..."Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split(" "),
] as const;

const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;
const LAST_OF_BMP = 0xffff;
const LAST = 0x10ffff;

/** Code points that follow each other and are of one category. */
type Run = { readonly category: string; readonly text: string };

/** Those of the Basic Multilingual Plane, and those beyond it. */
const RUNS = [
  runsIn(textOf(0, FIRST_SURROGATE - 1) + textOf(LAST_SURROGATE + 1, LAST_OF_BMP)),
  runsIn(textOf(LAST_OF_BMP + 1, LAST)),
];

/**
 * Some code points of a category: the first, one in the middle and the last of those in
 * the Basic Multilingual Plane, and of those beyond it.
 */
export function representativesOf(category: string): readonly string[] {
  const found = RUNS.flatMap((runs) => {
    const texts = runs.filter((run) => run.category === category).map(({ text }) => text);
    const middle = texts[Math.floor(texts.length / 2)] ?? "";
    return [Array.from(texts[0] ?? "")[0], Array.from(middle)[0], Array.from(texts.at(-1) ?? "").at(-1)];
  });
  return [...new Set(found.filter((codePoint) => codePoint !== undefined))];
}

function runsIn(text: string): readonly Run[] {
  const runs = new RegExp(CATEGORIES.map((category) => `(?<${category}>\\p{${category}}+)`).join("|"), "gu");
  return Array.from(text.matchAll(runs), ({ 0: run, groups = {} }) => {
    const category = CATEGORIES.find((name) => groups[name] !== undefined);
    if (category === undefined) throw new Error("every code point has a category");
    return { category, text: run };
  });
}

function textOf(first: number, last: number): string {
  const chunk = 0x1000;
  const texts: string[] = [];
  for (let start = first; start <= last; start += chunk) {
    const length = Math.min(chunk, last - start + 1);
    texts.push(String.fromCodePoint(...Array.from({ length }, (_, index) => start + index)));
  }
  return texts.join("");
}

/** Texts whose code points act on each other, or on whoever shows, sorts or ends them. */
export const SEQUENCES: Readonly<Record<string, string>> = {
  "a letter composed": "caf\u00e9 au lait",
  "a letter decomposed": "cafe\u0301 au lait",
  "marks in another order": "q\u0307\u0323 and q\u0323\u0307",
  "more marks than anybody reads": `z${"\u0300\u0301\u0302\u0303".repeat(8)}algo`,
  "a mark before any letter": "\u0301abcdefg",
  "a letter that no form composes": "a\u0328\u0301bcdefgh",
  "jamo and their syllable": "\u1112\u1161\u11ab \ud55c",
  "a singleton": "\u212bngstr\u00f6m \u2126hm",
  "full width": "\uff21\uff22\uff23\uff24\uff25\uff26\uff27\uff28",
  "half width": "\uff76\uff9e\uff77\uff9e\uff78\uff9e",
  "a ligature": "o\uFB03ce and \ufdfa",
  "the sharp s, small and large": "stra\u00dfe STRA\u1e9eE",
  "the dotted capital i": "\u0130stanbul \u0131\u0307",
  "sigma in all places": "\u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03cc\u03c2",
  "an override of direction": "user\u202egnp.exe\u202c",
  "isolates of direction": "\u2067\u05d0\u05d1\u2069 abc \u2066def\u2069",
  "marks of direction": "\u200fabc\u200edef\u061cghi",
  "both directions": "abc \u05d0\u05d1\u05d2 \u0627\u0644\u0639 def",
  "zero width": "pass\u200b\u200c\u200d\u2060\ufeffword",
  "a byte order mark first": "\ufeffabcdefgh",
  "a soft hyphen": "pass\u00adword\u034f here",
  "selectors of variation": "\u2764\ufe0e \u2764\ufe0f \u845b\u{e0100}",
  "a family of four": "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466} family",
  "a flag of tags": "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} flag",
  "half of a flag": "\u{1f1e9} alone now",
  noncharacters: "a\ufdd0b\ufffec\uffffd\u{1fffe}e\u{10ffff}",
  "what stands for what is lost": "a\ufffdb\ufffcc defg",
  "an end in the middle": "before\u0000after",
  "an end at the end": "password\u0000",
  "ends of lines of all kinds": "a\nb\rc\r\nd\u000be\u000cf\u0085g\u2028h\u2029i",
  "white space around": " \u00a0\u3000password\u3000\u00a0 ",
  "escapes of a terminal": "\u001b[31mred\u001b[0m\u001b]0;title\u0007\u009b2J",
  "deletes and bells": "abc\b\b\b\u007f\u007f\u0007defgh",
  "private use": "\ue000\uf8ff\u{f0000}\u{10fffd} mine",
  "annotations between lines": "\ufff9base\ufffaabove\ufffb",
};

/** A word around each representative, so that its length is no matter, and every sequence. */
export const CLASS_TEXTS: readonly string[] = [
  ...CATEGORIES.flatMap(representativesOf).map((codePoint) => `pass${codePoint}word`),
  ...Object.values(SEQUENCES),
];
