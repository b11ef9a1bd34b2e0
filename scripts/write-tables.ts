/** Writes the README's tables anew: `npm run docs`. A test compares them. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withTables } from "./tables.ts";

const readme = fileURLToPath(new URL("../README.md", import.meta.url));
writeFileSync(readme, withTables(readFileSync(readme, "utf8")));
