/** The servers that foreign clients are let loose on: real processes on loopback. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../support/app.ts";
import { createAuthority, issueServer, type Pair } from "../../support/certificates.ts";
import { workOn } from "../../support/folder.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

/** A server, with a folder of its own. */
export type Target = {
  readonly url: string;
  /** `127.0.0.1:…`, as gRPC clients name it. */
  readonly address: string;
  /** What the server has logged so far. */
  readonly log: () => string;
  readonly close: () => Promise<void>;
};

/** Starts a server. Close it when the tests are done; it fails if the server does not end in good order. */
export async function startTarget(settings: Readonly<Record<string, string>> = {}): Promise<Target> {
  const folder = temporaryFolder();
  const server: ServerProcess = await startServerProcess({ SALLYPORT_DATA_DIR: folder, ...settings });
  return {
    url: server.url,
    address: new URL(server.url).host,
    log: () => server.output().stderr,
    async close() {
      const { code } = await server.end("SIGTERM");
      rmSync(folder, { recursive: true });
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.output().stderr}`);
    },
  };
}

/** A server behind TLS, and the files (PEM) that its clients need. */
export type TlsTarget = Target & {
  /** Whom to believe. */
  readonly caFile: string;
  /** The certificate of the service `orders`, which may list users; shown only where it is asked for. */
  readonly certFile: string;
  readonly keyFile: string;
};

/** Starts a server behind TLS; with `mutual` it lets in nobody without a certificate. */
export async function startTlsTarget({ mutual = false } = {}): Promise<TlsTarget> {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const writePair = (name: string, { cert, key }: Pair) =>
    [write(`${name}.crt`, cert), write(`${name}.key`, key)] as const;
  const [authority, clients] = await Promise.all([createAuthority(), createAuthority("Clients")]);
  const caFile = write("ca.crt", authority.cert);
  const clientCaFile = write("clients.crt", clients.cert);
  const [serverCert, serverKey] = writePair("server", await issueServer(authority));
  const service = await clients.issue({ subject: "CN=service:orders", usage: "client" });
  const [certFile, keyFile] = writePair("orders", service);
  const data = join(folder, "data");
  await workOn(data, ({ services }) => services.create("orders", ["users:read"], null));
  const target = await startTarget({
    SALLYPORT_DATA_DIR: data,
    SALLYPORT_TLS_CERT_FILE: serverCert,
    SALLYPORT_TLS_KEY_FILE: serverKey,
    ...(mutual && { SALLYPORT_TLS_CLIENT_CA_FILE: clientCaFile }),
  });
  return {
    ...target,
    caFile,
    certFile,
    keyFile,
    async close() {
      await target.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Starts a server whose password checks take seconds, so that deadlines pass and callers give up. */
export function startSlowTarget(): Promise<Target> {
  return startTarget({ SALLYPORT_ARGON2_MEMORY_KIB: "65536", SALLYPORT_ARGON2_PASSES: "64" });
}
