/** Takes text. */
export type LineSink = { write(text: string): void };

/** Where lines are written at once, and where they may be held for a moment; in the order in which they came. */
export type HeldLines = {
  readonly write: (line: string) => void;
  readonly hold: (line: string) => void;
  readonly flush: () => void;
};

/** Lines are held for so long at most, in milliseconds. */
const HELD_MS = 20;
/** Bytes in UTF-8 for a unit of UTF-16, at most. */
const LONGEST_CHARACTER = 3;

/**
 * Writes the lines of many calls together: a write for each would cost more than
 * the rest of a call. What is held when the process exits is written then. `most`: so
 * many bytes at once; 0: each line by itself.
 */
export function holdLines(sink: LineSink, most: number): HeldLines {
  // As bytes: a line of text is a tree of its pieces, and thousands of those at a time would outlive young collections.
  let held: Buffer | null = null;
  let length = 0;
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (held === null || length === 0) return;
    const lines = held.toString("utf8", 0, length);
    length = 0;
    sink.write(lines);
  }

  function write(line: string): void {
    flush();
    sink.write(line);
  }

  /** With the first line: most logs hold none. */
  function begin(): Buffer {
    process.on("exit", flush);
    return Buffer.allocUnsafeSlow(most);
  }

  /** Whether there is room for the line, now or after a flush. */
  function makeRoom(line: string): boolean {
    // To count its bytes costs more than to guess that they are enough.
    if (length + line.length * LONGEST_CHARACTER <= most) return true;
    const size = Buffer.byteLength(line);
    if (length + size > most) flush();
    return size <= most;
  }

  return {
    write,
    flush,
    hold(line) {
      if (!makeRoom(line)) return write(line);
      held ??= begin();
      length += held.write(line, length);
      timer ??= setTimeout(flush, HELD_MS).unref();
    },
  };
}
