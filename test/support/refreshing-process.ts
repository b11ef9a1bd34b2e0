/**
 * A program of its own that shares a session's file: `<url> <file> <times>` refreshes so
 * often and prints the user's name each time; with `hang` for the times it takes every lock, says so, and waits.
 */
import { createConnectTransport } from "@connectrpc/connect-node";
import { createSallyportClient } from "../../src/client/client.ts";
import { createFileStore } from "../../src/client/node/file-store.ts";
import { createLockFile } from "../../src/client/node/lock-file.ts";

const [url = "", path = "", times = ""] = process.argv.slice(2);
const store = createFileStore({ path });

if (times === "hang") {
  await createLockFile(`${path}.lock`).take(0);
  await store.exclusively(async () => {
    process.stdout.write("holding\n");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });
}

const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
const client = createSallyportClient({ transport, store });
for (let done = 0; done < Number(times); done += 1) {
  const session = await client.refresh();
  process.stdout.write(`${session?.user.username}\n`);
}
