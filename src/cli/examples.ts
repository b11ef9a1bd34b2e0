/** A command line, and what it does. */
export type Example = readonly [line: string, does: string];

/** Examples for the end of a command's help. A test runs every one of them. */
export function examples(...all: readonly Example[]): string {
  return ["", "Examples:", ...all.flatMap(([line, does]) => [`  ${line}`, `      ${does}`])].join("\n");
}
