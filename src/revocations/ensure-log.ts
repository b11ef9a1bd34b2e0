import { encodeBase64Url } from "../lib/base64url.ts";
import type { Random } from "../lib/random.ts";
import { createLogOnce, logPosition } from "../store/queries/revocations.ts";
import type { Store } from "../store/store.ts";

/** Makes the log with a random name, unless the database has one. */
export async function ensureLog({ read, write }: Pick<Store, "read" | "write">, random: Random): Promise<void> {
  if ((await read(logPosition)) !== null) return;
  const logId = encodeBase64Url(random.bytes(12));
  await write(({ db }) => createLogOnce(db, logId));
}
