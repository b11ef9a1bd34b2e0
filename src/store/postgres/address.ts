/**
 * Where the database is, out of its URL: the form of libpq
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), for one host, with the
 * parameters below. Nothing else decides: no `PG…` variable, no password file.
 */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { UnusableDatabase } from "../unusable-database.ts";

/** Where the database is, and as whom. */
export type Address = {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Empty: none. */
  readonly password: string;
  /** `false`: cleartext. */
  readonly tls: ConnectionOptions | false;
  /** Settings of the session (`-c name=value`); empty: none. */
  readonly options: string;
  /** Host, port and database: what may be said of it. */
  readonly name: string;
};

const PARAMETERS = ["host", "options", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"];
const SETTING = "SALLYPORT_DATABASE_URL";

/**
 * Reads the URL, and the files of certificates that it names.
 * @throws UnusableDatabase that says what is wrong, and nothing of the password.
 */
export function parseAddress(text: string): Address {
  const url = toUrl(text);
  const parameters = readParameters(url);
  const host = parameters.get("host") ?? decoded(url.hostname.replace(/^\[(.+)\]$/, "$1"));
  const database = decoded(url.pathname.slice(1));
  const user = decoded(url.username);
  if (host === "") throw new UnusableDatabase(`${SETTING} names no host; write postgres://user@host:5432/database`);
  if (host.includes(",")) throw new UnusableDatabase(`${SETTING} names several hosts; name one that fails over`);
  if (user === "" || database === "") {
    throw new UnusableDatabase(`${SETTING} must name a user and a database: postgres://user@host:5432/database`);
  }
  const port = Number(url.port || 5432);
  return {
    host,
    port,
    database,
    user,
    password: decoded(url.password),
    tls: tlsOf(parameters),
    options: parameters.get("options") ?? "",
    name: `${host}:${port}/${database}`,
  };
}

function toUrl(text: string): URL {
  // What the URL class says of a bad one holds the text, and with it the password.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^postgres(ql)?:$/.test(url.protocol)) return url;
  throw new UnusableDatabase(
    `${SETTING} must be a URL such as postgres://user:password@host:5432/database, with what is special in it in percent-encoding`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UnusableDatabase(`${SETTING} has a % that begins no percent-encoding; write %25`);
  }
}

function readParameters({ searchParams }: URL): ReadonlyMap<string, string> {
  const unknown = [...searchParams.keys()].filter((name) => !PARAMETERS.includes(name));
  if (unknown.length > 0) {
    throw new UnusableDatabase(
      `${SETTING} has parameters that mean nothing here (${unknown.join(", ")}); there are ${PARAMETERS.join(", ")}`,
    );
  }
  const target = searchParams.get("target_session_attrs") ?? "read-write";
  if (target !== "read-write" && target !== "primary") {
    throw new UnusableDatabase(`${SETTING}: only a server that takes writes will do; leave target_session_attrs out`);
  }
  return new Map(searchParams);
}

/** By libpq's meaning of each mode; those that settle for less without a word are refused. */
function tlsOf(parameters: ReadonlyMap<string, string>): ConnectionOptions | false {
  const mode = parameters.get("sslmode") ?? "disable";
  const root = parameters.get("sslrootcert") ?? "system";
  const files = { ...fileAs("cert", parameters.get("sslcert")), ...fileAs("key", parameters.get("sslkey")) };
  const trust = root === "system" ? {} : fileAs("ca", root);
  switch (mode) {
    case "disable":
      return false;
    case "require":
      // Whoever names authorities wants them asked; libpq does the same.
      return root === "system" ? { ...files, rejectUnauthorized: false } : { ...files, ...trust, ...ANY_NAME };
    case "verify-ca":
      return { ...files, ...trust, ...ANY_NAME };
    case "verify-full":
      return { ...files, ...trust };
    default:
      throw new UnusableDatabase(
        `${SETTING}: sslmode must be disable, require, verify-ca or verify-full; prefer and allow promise nothing`,
      );
  }
}

const ANY_NAME: ConnectionOptions = { checkServerIdentity: () => undefined };

function fileAs(name: "ca" | "cert" | "key", file: string | undefined): ConnectionOptions {
  if (file === undefined) return {};
  try {
    return { [name]: readFileSync(file, "utf8") };
  } catch (cause) {
    throw new UnusableDatabase(`${SETTING} names ${file}, which cannot be read; see that this user may`, { cause });
  }
}
