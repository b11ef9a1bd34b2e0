/**
 * Where everything that is said goes: one JSON object a line on standard error,
 * pretty on a terminal. What is logged is chosen field by field by the caller;
 * whole messages, requests and headers never are.
 *
 * Whatever text a field holds, it stays inside of its field: no character of it
 * ends a line, moves a cursor, hides what follows or turns it round.
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import pretty from "pino-pretty";
import { holdLines } from "./lib/held-lines.ts";

/** Says things to the operator. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error"> & {
  /** Says what `info` would say, within a moment: for lines that come with calls. */
  readonly frequent: (fields: Fields) => void;
  /** Says now what was not said yet: before something else is written to the same place. */
  readonly flush: () => void;
};

/** What such a line holds, under names that need no quoting. */
type Fields = Readonly<Record<string, string | number | null | readonly string[]>>;

type LogOptions = {
  readonly level: string;
  /** Which of several processes says it, where they write to the same place. */
  readonly worker?: number | null;
  /** Standard error unless given. */
  readonly destination?: DestinationStream;
  /** Whether people read it as it comes; unless given, whether standard error is a terminal. */
  readonly isTerminal?: boolean;
};

/** A log at `level` and above. */
export function createLog({ level, worker = null, destination, isTerminal }: LogOptions): Log {
  const options = {
    level,
    base: worker === null ? null : { worker },
    timestamp: stdTimeFunctions.isoTime,
    errorKey: "error",
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const isPretty = isTerminal ?? (destination === undefined && process.stderr.isTTY);
  const most = worker === null ? HELD_BYTES : ATOMIC_BYTES;
  const end = holdLines(destination ?? pino.destination({ dest: 2, sync: true }), destination === undefined ? most : 0);
  const form = isPretty ? forPeople : forPrograms;
  const logger = pino(options, form({ write: end.write }));
  const other = form({ write: end.hold });
  const held = { plain: isPretty ? other : { write: end.hold }, other };
  return Object.assign(logger, {
    frequent: logger.isLevelEnabled("info") ? saidOften(held, worker) : () => {},
    flush: end.flush,
  });
}

type Ways = { readonly plain: DestinationStream; readonly other: DestinationStream };

/** Text that JSON writes as it is, and that nothing has to be done about: visible ASCII without quotes and backslashes. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Writes the lines that pino would write, at a fraction of the cost. A line of plain
 * texts and numbers, as nearly all of them are, needs no further care; and most of what
 * is in a line was in the one before, at the same place.
 */
function saidOften({ plain, other }: Ways, worker: number | null) {
  const isoTime = createIsoTime();
  const who = worker === null ? "" : `,"worker":${worker}`;
  const last: Member[] = [];
  return function say(fields: Fields): void {
    let line = `{"level":"info","time":"${isoTime()}"${who}`;
    let isPlain = true;
    let place = 0;
    for (const name in fields) {
      const value = fields[name];
      let member = last[place];
      if (member === undefined || member.value !== value || member.name !== name) {
        member = memberOf(name, value);
        last[place] = member;
      }
      line += member.text;
      isPlain &&= member.isPlain;
      place += 1;
    }
    (isPlain ? plain : other).write(`${line}}\n`);
  };
}

/** A member of a line, as it was written last. */
type Member = {
  readonly name: string;
  readonly value: Fields[string] | undefined;
  readonly text: string;
  readonly isPlain: boolean;
};

function memberOf(name: string, value: Fields[string] | undefined): Member {
  if (value === null || Number.isSafeInteger(value)) return { name, value, text: `,"${name}":${value}`, isPlain: true };
  if (typeof value === "string" && PLAIN.test(value))
    return { name, value, text: `,"${name}":"${value}"`, isPlain: true };
  const text = `,"${name}":${JSON.stringify(value)}`;
  // A list is written anew each time: somebody may have changed it.
  return { name, value: typeof value === "object" ? undefined : value, text, isPlain: typeof value === "number" };
}

/** The time in ISO 8601; many calls end within the same millisecond. */
function createIsoTime(): () => string {
  let at = 0;
  let text = "";
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      text = new Date(now).toISOString();
    }
    return text;
  };
}

/** So many bytes of lines are held at most; */
const HELD_BYTES = 32_768;
/** so many where several processes write to one pipe: what is longer could be mixed with what others write (PIPE_BUF). */
const ATOMIC_BYTES = 4_096;

/** Characters that are not seen but have effects: controls, marks of direction and format, separators of lines. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** In a line of JSON, all but printable ASCII and the end of the line. */
const UNUSUAL = /[^\n -~]/;

/** JSON escapes the controls of ASCII alone; here it does the others, too, so that a terminal can show the file. */
function forPrograms(destination: DestinationStream): DestinationStream {
  return {
    write(line) {
      destination.write(UNUSUAL.test(line) ? `${escaped(line.trimEnd())}\n` : line);
    },
  };
}

/** Several lines for each event; what is unseen in it is shown by its number. */
function forPeople(destination: DestinationStream): DestinationStream {
  const toText = pretty.prettyFactory({ colorize: true });
  return {
    write(line) {
      const event: unknown = JSON.parse(line);
      destination.write(toText(shown(event)));
    },
  };
}

function shown(value: unknown, name = ""): unknown {
  // Where an error comes from is read line by line; the lines after the first are indented.
  if (typeof value === "string") return name === "stack" ? value.split("\n").map(escaped).join("\n") : escaped(value);
  if (Array.isArray(value)) return value.map((item) => shown(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [escaped(key), shown(item, key)]));
}

/** The text with `\uXXXX` for each half of what is unseen in it. */
function escaped(text: string): string {
  return text.replace(UNSEEN, (unseen) => {
    const units = Array.from({ length: unseen.length }, (_, index) => unseen.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}
