/** What a server holds once its garbage is gone, asked through Node's inspector. */
import { readFileSync } from "node:fs";
import { type Installation, startSallyport } from "./processes.ts";

/** Bytes on the heap and beside it, of a server that was just started and asked nothing. */
export async function heldBytes(installation: Installation): Promise<number> {
  const logFile = `${installation.logFile}.inspected`;
  const served = await startSallyport({ ...installation, logFile }, ["--inspect=127.0.0.1:0"]);
  try {
    const urls = [...readFileSync(logFile, "utf8").matchAll(/Debugger listening on (ws:\S+)/g)];
    const inspector = await connect(urls.at(-1)?.[1] ?? "");
    await inspector.call("HeapProfiler.collectGarbage", {});
    const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
    const answer = await inspector.call("Runtime.evaluate", { expression, returnByValue: true });
    inspector.close();
    const value = JSON.parse(answer).result?.result?.value;
    if (typeof value !== "number") throw new Error(`the inspector said ${answer}`);
    return value;
  } finally {
    await served.stop();
  }
}

async function connect(url: string) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  return {
    /** One command at a time; its answer as text. */
    call: (method: string, params: object) =>
      new Promise<string>((resolve) => {
        socket.addEventListener("message", ({ data }) => resolve(String(data)), { once: true });
        socket.send(JSON.stringify({ id: 1, method, params }));
      }),
    close: () => socket.close(),
  };
}
