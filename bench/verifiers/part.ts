/** A process with verifiers in it, which does what it is told. Its first message is how many milliseconds they took to be ready. */
import { createPublicKey, verify, type webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { toDer } from "../../src/check/ecdsa-signature.ts";
import { createVerifier, type Verifier } from "../../src/verifier/verifier.ts";
import { medianOf } from "../statistics.ts";
import { type Order, type Refusals, type Staffing, sharedMs } from "./orders.ts";

/** Checks that are made in one go, and how often. */
const STRINGS = 4096;
const GOES = 40;
/** New tokens that are taken in one go, by turns. */
const NEW_AT_ONCE = 100;

const { count, ...options }: Staffing = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const beganAt = performance.now();
const verifiers = Array.from({ length: count }, () => createVerifier(options));
await Promise.all(verifiers.map((verifier) => verifier.ready()));
const first: Verifier | undefined = verifiers[0];
let refusals: [number, number][] = [];

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());
process.send?.(performance.now() - beganAt);

async function obey(order: Order): Promise<number | Refusals> {
  switch (order.kind) {
    case "check_known":
      return checkKnown(order.tokens);
    case "check_new":
      return checkNew(order.tokens, order.jwk);
    case "weigh":
      return weigh();
    case "follow":
      return follow(order);
    case "refusals":
      return refusals.splice(0);
  }
}

function grant(token: string): void {
  if (first?.check(token).granted !== true) throw new Error("a good token was not granted");
}

/**
 * By the clock, and the median of the goes: each is so short that hardly any is interrupted. What a thread took of the
 * processor is told in steps of several milliseconds, which is more than a go takes.
 */
async function checkKnown(tokens: readonly string[]): Promise<number> {
  const bytes = tokens.map((token) => Buffer.from(token, "latin1"));
  for (const token of tokens) grant(token);
  const goesMs: number[] = [];
  for (let go = 0; go < GOES; go += 1) {
    const fresh = Array.from({ length: STRINGS }, (_, index) => bytes[index % bytes.length]?.toString("latin1") ?? "");
    // The feed gets its turn, or the verifier would be right to call itself stale.
    await setImmediate();
    const before = performance.now();
    for (const token of fresh) grant(token);
    goesMs.push(performance.now() - before);
  }
  return (STRINGS / medianOf(goesMs)) * 1000;
}

async function checkNew(tokens: readonly string[], jwk: webcrypto.JsonWebKey): Promise<number> {
  const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  const ratios: number[] = [];
  for (let at = 0; at + 2 * NEW_AT_ONCE <= tokens.length; at += 2 * NEW_AT_ONCE) {
    const signed = tokens.slice(at, at + NEW_AT_ONCE).map(signedParts);
    await setImmediate();
    const begin = performance.now();
    for (const { data, signature } of signed)
      if (!verify("sha256", data, key, signature)) throw new Error("a signature does not hold");
    const middle = performance.now();
    for (const token of tokens.slice(at + NEW_AT_ONCE, at + 2 * NEW_AT_ONCE)) grant(token);
    ratios.push((middle - begin) / (performance.now() - middle));
  }
  return medianOf(ratios);
}

function signedParts(token: string) {
  const end = token.lastIndexOf(".");
  const signature = toDer(Buffer.from(token.slice(end + 1), "base64url"));
  if (signature === null) throw new Error("a token has no signature by ES256");
  return { data: Buffer.from(token.slice(0, end)), signature };
}

function weigh(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") for (let times = 0; times < 3; times += 1) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function follow({ tokens, every, first }: Extract<Order, { kind: "follow" }>): Promise<number> {
  refusals = [];
  let followed = 0;
  for (const [number, verifier] of verifiers.entries()) {
    for (let index = (first + number) % every; index < tokens.length; index += every) {
      verifier.follow(tokens[index] ?? "", {}, () => refusals.push([index, sharedMs()]));
      followed += 1;
      if (followed % NEW_AT_ONCE === 0) await setImmediate();
    }
  }
  return followed;
}
