/** TLS over sockets that another server accepted, with a certificate that follows its files. */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../log.ts";
import type { Timeouts } from "./bounds.ts";
import { type ClientCertificate, readClientCertificate } from "./client-certificate.ts";
import { markOf, readTlsFiles, type TlsFiles, type TlsMaterial } from "./tls-files.ts";

/** Files that were read and found good, and a mark that tells when they change. */
export type OpenTlsFiles = { readonly files: TlsFiles; readonly mark: string; readonly material: TlsMaterial };

/** Opens the files of the settings; `null` for none. @throws TlsFileError with every fault found. */
export async function openTlsFiles(files: TlsFiles | null): Promise<OpenTlsFiles | null> {
  if (files === null) return null;
  // Marked before they are read: what is written meanwhile is news.
  const mark = await markOf(files);
  return { files, mark, material: await readTlsFiles(files) };
}

/** Speaks TLS. */
export type Tls = {
  /** Takes over a connection. One that does not shake hands in time is closed. */
  readonly accept: (socket: Socket) => void;
  /** Begins to look at the files. */
  readonly start: () => void;
  /** Looks at the files no more. */
  readonly stop: () => void;
};

type TlsDeps = {
  readonly opened: OpenTlsFiles;
  /** Takes over a connection whose client wants HTTP/2, or HTTP/1.1, or does not say what it wants. */
  readonly hand: (socket: TLSSocket, certificate: ClientCertificate | null) => void;
  /** Told when other authorities count: whoever came by the old ones should come again. */
  readonly trustChanged: () => void;
  readonly timeouts: Pick<Timeouts, "prefaceMs" | "certificateMs">;
  readonly clock: Clock;
  readonly log: Log;
};

/** TLS with the files as they were opened. */
export function createTls({ opened, hand, trustChanged, timeouts, clock, log }: TlsDeps): Tls {
  let { mark, material } = opened;
  let timer: NodeJS.Timeout | null = null;
  let server = serverWith(material);

  /** A server never listens, so there may be one for each version of the files. */
  function serverWith(own: TlsMaterial): Server {
    const made = createServer({
      ...contextOf(own),
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: timeouts.prefaceMs,
      requestCert: own.clientCa !== null,
      rejectUnauthorized: true,
    });
    made.on("secureConnection", (socket) => {
      // A handshake may outlast the authorities that it began under.
      if (own.clientCa !== material.clientCa) return socket.destroy();
      const certificate = own.clientCa === null ? undefined : socket.getPeerX509Certificate();
      hand(socket, certificate === undefined ? null : readClientCertificate(certificate));
    });
    made.on("tlsClientError", ({ message }, socket) => {
      log.debug({ event: "handshake_failed", message });
      socket.destroy();
    });
    return made;
  }

  function use(next: TlsMaterial): void {
    const isTrustNew = next.clientCa !== material.clientCa;
    server = serverWith(next);
    material = next;
    report();
    if (isTrustNew) trustChanged();
  }

  function report(): void {
    const line = { event: "certificate_loaded", expires: new Date(material.expiresAt).toISOString() };
    if (material.expiresAt > clock.now()) log.info(line);
    else log.warn(line, "the certificate in SALLYPORT_TLS_CERT_FILE has expired; clients will refuse it");
  }

  async function look(): Promise<void> {
    const seen = await markOf(opened.files);
    if (seen === mark) return;
    mark = seen;
    try {
      use(await readTlsFiles(opened.files));
    } catch (error) {
      log.error(
        { event: "certificate_refused", error },
        "the files of TLS have changed and cannot be used; the old ones hold",
      );
    }
  }

  function schedule(): void {
    timer = setTimeout(async () => {
      await look();
      if (timer !== null) schedule();
    }, timeouts.certificateMs);
    timer.unref();
  }

  return {
    accept: (socket) => server.emit("connection", socket),
    start() {
      report();
      schedule();
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

function contextOf({ cert, key, clientCa }: TlsMaterial) {
  const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } = constants;
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    ...(clientCa === null
      ? { secureOptions: SSL_OP_NO_RENEGOTIATION }
      : // A resumed session would be let in by a certificate that nobody has looked at since.
        { ca: clientCa, secureOptions: SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET }),
  };
}
