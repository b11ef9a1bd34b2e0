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
  const end = heldBack(destination ?? pino.destination({ dest: 2, sync: true }), destination === undefined ? most : 0);
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
 * texts and numbers, as nearly all of them are, needs no further care.
 */
function saidOften({ plain, other }: Ways, worker: number | null) {
  const isoTime = createIsoTime();
  const who = worker === null ? "" : `,"worker":${worker}`;
  return function say(fields: Fields): void {
    let line = `{"level":"info","time":"${isoTime()}"${who}`;
    let isPlain = true;
    for (const name in fields) {
      const value = fields[name];
      if (value === null || Number.isSafeInteger(value)) line += `,"${name}":${value}`;
      else if (typeof value === "string" && PLAIN.test(value)) line += `,"${name}":"${value}"`;
      else {
        line += `,"${name}":${JSON.stringify(value)}`;
        isPlain &&= typeof value === "number";
      }
    }
    (isPlain ? plain : other).write(`${line}}\n`);
  };
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

/** Lines are held for so long at most, in milliseconds, */
const HELD_MS = 20;
/** and so many bytes of them; */
const HELD_BYTES = 32_768;
/** so many where several processes write to one pipe: what is longer could be mixed with what others write (PIPE_BUF). */
const ATOMIC_BYTES = 4_096;

/** Where lines are written at once, and where they may be held for a moment; in the order in which they came. */
type HeldBack = {
  readonly write: (line: string) => void;
  readonly hold: (line: string) => void;
  readonly flush: () => void;
};

/**
 * Writes the lines of many calls together: a write for each would cost more than
 * the rest of a call. What is held when the process exits is written then. `most`: so
 * many bytes at once; 0: each line by itself.
 */
function heldBack(destination: DestinationStream, most: number): HeldBack {
  let held = "";
  let bytes = 0;
  let timer: NodeJS.Timeout | null = null;
  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const lines = held;
    held = "";
    bytes = 0;
    if (lines !== "") destination.write(lines);
  }
  function write(line: string): void {
    flush();
    destination.write(line);
  }
  if (most === 0) return { write, hold: write, flush };
  let isWatched = false;
  return {
    write,
    flush,
    hold(line) {
      if (!isWatched) process.on("exit", flush);
      isWatched = true;
      const length = Buffer.byteLength(line);
      if (bytes + length > most) flush();
      held += line;
      bytes += length;
      timer ??= setTimeout(flush, HELD_MS).unref();
    },
  };
}

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
