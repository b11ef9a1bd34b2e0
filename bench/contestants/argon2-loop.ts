/** Bare password checks, as many at once as the server has permits: what a login costs at least. */
import { availableParallelism } from "node:os";
import { argon2id, hash, verify } from "argon2";
import { readConfig } from "../../src/config.ts";
import { defaultHashPermits } from "../../src/passwords/password-hasher.ts";
import { serveWindows } from "./loop.ts";

const password = process.argv[2] ?? "";
const { memoryKiB, passes, lanes } = readConfig({}).argon2;
const encoded = await hash(password, { type: argon2id, memoryCost: memoryKiB, timeCost: passes, parallelism: lanes });
const permits = defaultHashPermits(availableParallelism());

serveWindows(async (note) => {
  let isWanted = true;
  const check = async () => {
    while (isWanted) {
      const beganAt = performance.now();
      if (!(await verify(encoded, password))) throw new Error("the right password is wrong");
      isWanted = note(performance.now() - beganAt) && isWanted;
    }
  };
  await Promise.all(Array.from({ length: permits }, check));
});
