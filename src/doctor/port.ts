import { once } from "node:events";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { type Finding, fine, wrong } from "./finding.ts";

/** Where a server listens, or would. */
export type Address = { readonly host: string; readonly port: number; readonly isTls: boolean };

/** Whether the port can be listened on, or a Sallyport listens on it already. */
export function examinePort(address: Address): Promise<Finding> {
  return look(address, {
    path: "/",
    isOurs: isAboutSallyport,
    elsewhere: "SALLYPORT_PORT to another port",
    reachable: "SALLYPORT_HOST to an address of this machine",
    permitted: "SALLYPORT_PORT to a port above 1023",
  });
}

/** The same of the address that metrics have of their own; `null` if they have none. */
export async function examineMetricsAddress(address: Omit<Address, "isTls"> | null, isOpen: boolean): Promise<Finding> {
  if (address === null) return fine(isOpen ? "served on the port of the service" : "closed");
  const another = "SALLYPORT_METRICS_ADDRESS to an address of this machine and a port that is free";
  return look(
    { ...address, isTls: false },
    {
      path: "/metrics",
      isOurs: (body) => body.includes("sallyport_build_info"),
      elsewhere: another,
      reachable: another,
      permitted: `${another}, above 1023`,
    },
  );
}

type Expected = {
  /** What to ask for, and whether the answer is a Sallyport's. */
  readonly path: string;
  readonly isOurs: (body: string) => boolean;
  /** What to set if somebody else listens there, if there is no such address, if only root may. */
  readonly elsewhere: string;
  readonly reachable: string;
  readonly permitted: string;
};

async function look(address: Address, expected: Expected): Promise<Finding> {
  const { host, port } = address;
  const probe = createServer().listen(port, host);
  try {
    await once(probe, "listening");
    return fine(port === 0 ? "any free port will do" : `${host}:${port} is free`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const mend = `set ${code === "EACCES" ? expected.permitted : expected.reachable}`;
    if (code !== "EADDRINUSE") return wrong(`${host}:${port} cannot be listened on (${code})`, mend);
    if (await isSallyport(address, expected)) return fine(`a Sallyport listens on ${host}:${port}`);
    const unless = address.isTls ? ", unless it is a Sallyport that asks for client certificates" : "";
    return wrong(`another program listens on ${host}:${port}${unless}`, `stop it, or set ${expected.elsewhere}`);
  } finally {
    probe.close();
  }
}

/** Asks who is there. Nothing is told, so whose certificate it is does not matter. */
async function isSallyport({ host, port, isTls }: Address, { path, isOurs }: Expected): Promise<boolean> {
  const options = { host, port, path, signal: AbortSignal.timeout(2_000) };
  const request = isTls ? getHttps({ ...options, rejectUnauthorized: false }) : getHttp(options);
  try {
    const [answer] = await once(request, "response");
    return isOurs(await text(answer));
  } catch {
    return false;
  }
}

function isAboutSallyport(body: string): boolean {
  const about: unknown = JSON.parse(body);
  return typeof about === "object" && about !== null && "name" in about && about.name === "sallyport";
}
