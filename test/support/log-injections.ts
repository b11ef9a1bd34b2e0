/** Texts that would forge a line of a log, or an event in it, or take over the terminal that shows it. */
export const INJECTIONS: Readonly<Record<string, string>> = {
  "a line": '\n{"level":"info","event":"forged"}\n',
  "a line after a carriage return": '\r\n{"level":"info","event":"forged"}',
  "a carriage return that writes over the line": '\r{"level":"info","event":"forged"}',
  "the end of a string": '","event":"forged","x":"',
  "the end of an object": '"}\n{"event":"forged","x":"',
  "an escape that is half of one": '\\","event":"forged',
  "an escape in letters": "\\u001b[2J\\n\\u000aforged",
  "the screen cleared": "\u001b[2J\u001b[H",
  "another colour": "\u001b[31mforged\u001b[0m",
  "the title of the window": "\u001b]0;forged\u0007",
  "a link": "\u001b]8;;http://forged.example\u001b\\click\u001b]8;;\u001b\\",
  "a control sequence of one character": "\u009b2J\u009b31m",
  "a command to the operating system of one character": "\u009d0;forged\u009c",
  "the next line": '\u0085{"event":"forged"}',
  "a line separator": '\u2028{"event":"forged"}',
  "a paragraph separator": '\u2029{"event":"forged"}',
  "tabs of every kind": "\t\v\f{forged}",
  "what is deleted again": "forged\b\b\b\b\b\b\u007f\u007f",
  "an end of text": "\u0000\u0003\u0004\u001aforged",
  "all of it turned round": "\u202eforged\u202c\u2066\u2069\u200f",
  "what is not seen": "\u200b\u200c\u200d\u2060\ufeff\u00ad\u{e0001}\u{e007f}forged",
};

/** What has effects without being seen, but for the end of a line. */
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Each character of the text that has effects without being seen. */
export function unseenIn(text: string): readonly string[] {
  return text.match(UNSEEN) ?? [];
}

const ESCAPE = "\u001b";

/** What a log may write to a terminal by itself: the beginning and the end of a colour. */
const COLOUR = new RegExp(`${ESCAPE}\\[\\d+m`, "gu");

/** The text as it is on a terminal that knows no colours, and how many of them there were. */
export function withoutColours(text: string): { readonly text: string; readonly colours: number } {
  return { text: text.replace(COLOUR, ""), colours: text.match(COLOUR)?.length ?? 0 };
}
