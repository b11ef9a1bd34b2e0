#!/usr/bin/env node
// The entry: it refuses an old Node, which would die without a word on the native modules that come after. For an
// old Node to get as far as that, there is nothing here but ES2018, no `import` statement and nothing that makes
// sense in a module alone: Node 10 takes this file for a script. All else is in start.js.
const major = Number(process.versions.node.split(".")[0]);
if (major === 24 || major >= 26) {
  import("./start.js");
} else {
  process.stderr.write(
    `sallyport: Node ${process.versions.node} cannot run this; it takes Node 24, or 26 and newer.\n` +
      "In a checkout, `npm ci` brings one: start through npm (`npm start`, `npx sallyport …`).\n",
  );
  process.exit(69);
}
