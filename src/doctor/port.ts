import { once } from "node:events";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { createServer } from "node:net";
import { json } from "node:stream/consumers";
import { type Finding, fine, wrong } from "./finding.ts";

/** Where a server listens, or would. */
export type Address = { readonly host: string; readonly port: number; readonly isTls: boolean };

/** Whether the port can be listened on, or a Sallyport listens on it already. */
export async function examinePort(address: Address): Promise<Finding> {
  const { host, port } = address;
  const probe = createServer().listen(port, host);
  try {
    await once(probe, "listening");
    return fine(port === 0 ? "any free port will do" : `${host}:${port} is free`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code !== "EADDRINUSE") return wrong(`${host}:${port} cannot be listened on (${code})`, mendFor(code));
    if (await isSallyport(address)) return fine(`a Sallyport listens on ${host}:${port}`);
    const unless = address.isTls ? ", unless it is a Sallyport that asks for client certificates" : "";
    return wrong(
      `another program listens on ${host}:${port}${unless}`,
      "stop it, or set SALLYPORT_PORT to another port",
    );
  } finally {
    probe.close();
  }
}

function mendFor(code: string): string {
  if (code === "EACCES") return "set SALLYPORT_PORT to a port above 1023";
  return "set SALLYPORT_HOST to an address of this machine";
}

/** Asks who is there. Nothing is told, so whose certificate it is does not matter. */
async function isSallyport({ host, port, isTls }: Address): Promise<boolean> {
  const options = { host, port, path: "/", signal: AbortSignal.timeout(2_000) };
  const request = isTls ? getHttps({ ...options, rejectUnauthorized: false }) : getHttp(options);
  try {
    const [answer] = await once(request, "response");
    const about: unknown = await json(answer);
    return typeof about === "object" && about !== null && "name" in about && about.name === "sallyport";
  } catch {
    return false;
  }
}
