/** A copy of this checkout, to work in without leaving a trace in it. */
import { cpSync, existsSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export const CHECKOUT = join(import.meta.dirname, "../..");
/** What is no part of the sources, at the top: what is made of them, and hidden files of all sorts. */
const NOT_COPIED = /^(dist|data|artifacts|proto-deps|\.(?!npmrc$).*)$/;
/** What is installed is not copied, but shared. */
const INSTALLED = ["node_modules", "bench/node_modules"];

/** Copies the sources to a folder that is not there yet. */
export function copyCheckout(to: string): void {
  cpSync(CHECKOUT, to, {
    recursive: true,
    filter: (path) =>
      basename(path) !== "node_modules" && !(dirname(path) === CHECKOUT && NOT_COPIED.test(basename(path))),
  });
  for (const folder of INSTALLED) {
    if (existsSync(join(CHECKOUT, folder))) symlinkSync(join(CHECKOUT, folder), join(to, folder));
  }
}
