/**
 * The settings that an operator may state: each environment variable with its form,
 * its default and its meaning. The README's table is written from this.
 */
import { z } from "zod";

const list = (text: string) => text.split(",").map((item) => item.trim());
const commaList = z.string().transform((text) => (text.trim() === "" ? [] : list(text)));
/** Digits and nothing else: an empty text must not pass for zero. */
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(least).max(most));
const day = 86_400;

/** One setting: how it is parsed and what it means. */
type Setting = { readonly schema: z.ZodType; readonly default: string; readonly meaning: string };

/** Every setting, in the order of the README's table, which is generated from this. */
export const SETTINGS = {
  SALLYPORT_HOST: { schema: z.string().min(1), default: "127.0.0.1", meaning: "address to listen on" },
  SALLYPORT_PORT: {
    schema: whole(0, 65_535),
    default: "8080",
    meaning: "port to listen on; 0 takes a free one",
  },
  SALLYPORT_WORKERS: {
    schema: whole(1, 64),
    default: "1",
    meaning:
      "processes that answer on the one port, for more than one core; with more than 1, one more process watches over them, see [docs/operations.md](docs/operations.md#workers)",
  },
  SALLYPORT_DATA_DIR: {
    schema: z.string().min(1),
    default: "./data",
    meaning: "folder of the database and the master key; it is made if the folder above it is there",
  },
  SALLYPORT_DATABASE_URL: {
    schema: z
      .string()
      .refine((text) => text === "" || isDatabaseUrl(text), "must be a URL of PostgreSQL: postgres://…"),
    default: "",
    meaning:
      "`postgres://user:password@host:5432/database` puts everything on PostgreSQL, for any number of instances; if empty, SQLite in the data folder",
  },
  SALLYPORT_DATABASE_CONNECTIONS: {
    schema: whole(2, 1_000),
    default: "10",
    meaning:
      "connections that one instance, or each of its workers, keeps to PostgreSQL at most, and one more for hints",
  },
  SALLYPORT_ISSUER: {
    schema: z.url({ protocol: /^https?$/ }).or(z.literal("")),
    default: "",
    meaning:
      "`iss` of every token, and the base of every link; if empty `http://HOST:PORT`, or `https://HOST:PORT` with a certificate",
  },
  SALLYPORT_AUDIENCES: {
    schema: commaList.pipe(z.array(z.string().min(1).max(128)).min(1).max(16)),
    default: "sallyport",
    meaning: "audiences that tokens may be issued for, separated by commas; the first is the default",
  },
  SALLYPORT_MASTER_KEY: {
    schema: commaList.pipe(z.array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes in base64url"))),
    default: "",
    meaning:
      "32 bytes in base64url that encrypt the keys in the database; several, separated by commas: the first encrypts, all decrypt; if empty, a file `master.key` in the data folder",
  },
  SALLYPORT_SIGNING_ALGORITHM: {
    schema: z.enum(["ES256", "EdDSA", "RS256"]),
    default: "ES256",
    meaning: "algorithm of new signing keys: ES256, EdDSA or RS256",
  },
  SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: { schema: whole(1, day), default: "600", meaning: "life of an access token" },
  SALLYPORT_REFRESH_IDLE_TTL_SECONDS: {
    schema: whole(1, 400 * day),
    default: String(14 * day),
    meaning: "a session that is not refreshed for this long ends",
  },
  SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: {
    schema: whole(1, 400 * day),
    default: String(90 * day),
    meaning: "a session ends this long after its login, refreshed or not",
  },
  SALLYPORT_REFRESH_GRACE_SECONDS: {
    schema: whole(0, 600),
    default: "30",
    meaning: "how long a refresh token that was just used may be used again for the same successor",
  },
  SALLYPORT_SIGNUP_ROLES: {
    schema: commaList.pipe(z.array(z.string().min(1).max(64))),
    default: "user",
    meaning:
      "roles that anyone may take at signup, separated by commas; the first is given to whoever asks for none; empty: signup is closed",
  },
  SALLYPORT_AUTHORIZE_CALLERS: {
    schema: z.enum(["anyone", "services"]),
    default: "anyone",
    meaning: "who may call `Authorize` and `BatchAuthorize`: `anyone`, or only `services`, by an API key",
  },
  SALLYPORT_ALLOWED_ORIGINS: {
    schema: commaList.pipe(z.array(z.string().refine(isOrigin, "must be an origin such as https://app.example"))),
    default: "",
    meaning: "browser origins that may call, separated by commas",
  },
  SALLYPORT_TLS_CERT_FILE: {
    schema: z.string(),
    default: "",
    meaning:
      "PEM file with the server's certificate and the chain behind it: the port then speaks TLS and nothing else, see [docs/tls.md](docs/tls.md); read again when it changes",
  },
  SALLYPORT_TLS_KEY_FILE: {
    schema: z.string(),
    default: "",
    meaning: "PEM file with the certificate's private key, closed to others (mode 600); read again when it changes",
  },
  SALLYPORT_TLS_CLIENT_CA_FILE: {
    schema: z.string(),
    default: "",
    meaning:
      "PEM file with the authorities of client certificates: every client must then present one of theirs (mTLS); read again when it changes",
  },
  SALLYPORT_ARGON2_MEMORY_KIB: {
    schema: whole(8, 4_194_304),
    default: "19456",
    meaning: "argon2id memory for each hash, in KiB",
  },
  SALLYPORT_ARGON2_PASSES: { schema: whole(1, 64), default: "2", meaning: "argon2id passes" },
  SALLYPORT_ARGON2_LANES: { schema: whole(1, 16), default: "1", meaning: "argon2id lanes" },
  SALLYPORT_HASH_PERMITS: {
    schema: whole(0, 64),
    default: "0",
    meaning:
      "password hashes that run at once, in all workers together; 0: one for each core but one, at least one. Sixteen wait for each, more are refused",
  },
  SALLYPORT_METRICS: {
    schema: z.enum(["off", "on"]),
    default: "off",
    meaning: "whether `GET /metrics` tells how the service does, to everybody who can reach the port: off or on",
  },
  SALLYPORT_METRICS_ADDRESS: {
    schema: z
      .string()
      .refine((text) => text === "" || toAddress(text) !== null, "must be an address and a port: 127.0.0.1:9464")
      .transform(toAddress),
    default: "",
    meaning: "an address of their own for metrics, such as `127.0.0.1:9464`; opens them there, and only there",
  },
  SALLYPORT_LOG_LEVEL: {
    schema: z.enum(["debug", "info", "warn", "error", "silent"]),
    default: "info",
    meaning: "debug, info, warn, error or silent; JSON lines on standard error, pretty on a terminal",
  },
  SALLYPORT_SHUTDOWN_DELAY_SECONDS: {
    schema: whole(0, 300),
    default: "1",
    meaning: "how long to go on serving, reported as not serving, after SIGTERM, so that balancers notice",
  },
} as const satisfies Record<`SALLYPORT_${string}`, Setting>;

/** Where to listen. */
type Address = { readonly host: string; readonly port: number };

/** `host:port`, an IPv6 address in brackets; `null` for anything else. */
function toAddress(text: string): Address | null {
  const [, ipv6, name, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = ipv6 ?? name;
  return host === undefined || Number(port) > 65_535 ? null : { host, port: Number(port) };
}

function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
