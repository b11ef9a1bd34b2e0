/** Examines the files of TLS as a start would, and how long their certificates are still good for. */
import { X509Certificate } from "node:crypto";
import { readTlsFiles, TlsFileError, type TlsFiles, type TlsMaterial } from "../server/tls-files.ts";
import { type Finding, fine, wrong, wrongAsToldAtStart } from "./finding.ts";

/** What is left to somebody who renews by hand, in milliseconds: two days. */
const SHORT_MS = 2 * 86_400_000;

const RENEW = "put a new one, with its key, into the same files; a running server takes them within seconds";

/** Every finding about the certificate of the port, its key and the authorities of clients. */
export async function examineTls(files: TlsFiles | null, now: number): Promise<readonly Finding[]> {
  if (files === null) return [fine("none; the port speaks cleartext")];
  try {
    const material = await readTlsFiles(files);
    return [examineCertificate(files.certFile, material.cert, now), ...examineAuthorities(files, material, now)];
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    return error.message.split("\n").map((fault) => wrongAsToldAtStart(fault, "mend the file, or the setting"));
  }
}

function examineCertificate(file: string, pem: string, now: number): Finding {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const until = validToDate.toISOString();
  const leftMs = validToDate.getTime() - now;
  if (leftMs <= 0) return wrong(`the certificate in ${file} expired at ${until}`, RENEW);
  if (validFromDate.getTime() > now) {
    const from = validFromDate.toISOString();
    return wrong(`the certificate in ${file} is not valid before ${from}`, "set the clock of this machine, or wait");
  }
  if (leftMs < SHORT_MS) return wrong(`the certificate in ${file} expires soon, at ${until}`, RENEW);
  return fine(`the certificate in ${file} fits its key and is valid until ${until}`);
}

/** Who comes by an authority that has expired is refused. */
function examineAuthorities({ clientCaFile }: TlsFiles, { clientCa }: TlsMaterial, now: number): readonly Finding[] {
  const blocks = clientCa?.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (clientCaFile === null) return [];
  const dead = blocks.map((block) => new X509Certificate(block)).filter((one) => one.validToDate.getTime() <= now);
  if (dead.length === 0) return [fine(`${clientCaFile} names ${blocks.length} authorities of clients`)];
  const names = dead.map(({ subject }) => subject.replaceAll("\n", ", ")).join("; ");
  return [wrong(`authorities of clients in ${clientCaFile} have expired: ${names}`, "replace them there")];
}
