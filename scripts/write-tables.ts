/** Writes anew what is told twice: the README's tables and docs/contract.md. `npm run docs`; tests compare them. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readContract } from "./contract/descriptors.ts";
import { contractPage } from "./contract/page.ts";
import { withTables } from "./tables.ts";

const inRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const readme = inRoot("README.md");
writeFileSync(readme, withTables(readFileSync(readme, "utf8")));
writeFileSync(inRoot("docs/contract.md"), contractPage(readContract(inRoot("proto"))));
