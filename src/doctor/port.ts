import { once } from "node:events";
import { createServer } from "node:net";
import { type Finding, fine, wrong } from "./finding.ts";

/** Whether the port can be listened on, or a Sallyport listens on it already. */
export async function examinePort(host: string, port: number): Promise<Finding> {
  const probe = createServer().listen(port, host);
  try {
    await once(probe, "listening");
    return fine(port === 0 ? "any free port will do" : `${host}:${port} is free`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code !== "EADDRINUSE") return wrong(`${host}:${port} cannot be listened on (${code})`, mendFor(code));
    if (await isSallyport(host, port)) return fine(`a Sallyport listens on ${host}:${port}`);
    return wrong(`another program listens on ${host}:${port}`, "stop it, or set SALLYPORT_PORT to another port");
  } finally {
    probe.close();
  }
}

function mendFor(code: string): string {
  if (code === "EACCES") return "set SALLYPORT_PORT to a port above 1023";
  return "set SALLYPORT_HOST to an address of this machine";
}

async function isSallyport(host: string, port: number): Promise<boolean> {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const answer = await fetch(`http://${authority}/`, { signal: AbortSignal.timeout(2_000) });
    const about: unknown = await answer.json();
    return typeof about === "object" && about !== null && "name" in about && about.name === "sallyport";
  } catch {
    return false;
  }
}
