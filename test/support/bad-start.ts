/** Starts that fail, and what it takes to make them fail. */
import { expect } from "vitest";
import { runCommand } from "./server-process.ts";

/**
 * Runs a program as somebody whom file modes bind: root, whom they do not, lets go
 * of the capabilities that make it so.
 */
export const AS_MORTAL: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--"] : [];

/** What `serve` said when it did not start: plain words, and no stack. */
export async function failedStart(
  settings: Readonly<Record<string, string>>,
  under: readonly string[] = [],
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(["serve"], settings, "", under);
  expect([code, stdout], stderr).toEqual([1, ""]);
  expect(stderr).toMatch(/^sallyport: /);
  expect(stderr).not.toMatch(/^\s+at |node:|\bat \w+ \(/m);
  return stderr;
}
