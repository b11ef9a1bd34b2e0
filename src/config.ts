/**
 * The settings: every `SALLYPORT_*` environment variable, parsed once, all faults
 * reported together. Nothing else in Sallyport reads the environment.
 */
import { z } from "zod";

/** Bounds of time and size that are part of the contract, not settings. */
export const LIMITS = {
  /** Requests above this get RESOURCE_EXHAUSTED, in bytes. */
  requestBytes: 64 * 1024,
  /** Unary responses stay below this, in bytes. */
  responseBytes: 1024 * 1024,
  /** Longer unary deadlines are shortened to this, in milliseconds. */
  unaryDeadlineMs: 30_000,
  /** Work in flight has this long to finish when the server stops, in milliseconds. */
  shutdownMs: 30_000,
  /** How old knowledge may be and still count as fresh, in milliseconds. */
  stalenessBoundMs: 10_000,
} as const;

const list = (text: string) => text.split(",").map((item) => item.trim());
const commaList = z.string().transform((text) => (text.trim() === "" ? [] : list(text)));
const seconds = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const day = 86_400;

/** One setting: how it is parsed and what it means. */
type Setting = { readonly schema: z.ZodType; readonly default: string; readonly meaning: string };

/** Every setting, in the order of the README's table, which is generated from this. */
export const SETTINGS = {
  SALLYPORT_HOST: { schema: z.string().min(1), default: "127.0.0.1", meaning: "address to listen on" },
  SALLYPORT_PORT: {
    schema: z.coerce.number().int().min(0).max(65_535),
    default: "8080",
    meaning: "port to listen on; 0 takes a free one",
  },
  SALLYPORT_DATA_DIR: {
    schema: z.string().min(1),
    default: "./data",
    meaning: "folder of the database and the master key",
  },
  SALLYPORT_ISSUER: {
    schema: z.url({ protocol: /^https?$/ }).or(z.literal("")),
    default: "",
    meaning: "`iss` of every token, and the base of every link; `http://HOST:PORT` if empty",
  },
  SALLYPORT_AUDIENCES: {
    schema: commaList.pipe(z.array(z.string().min(1).max(256)).min(1)),
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
  SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: { schema: seconds(1, day), default: "600", meaning: "life of an access token" },
  SALLYPORT_REFRESH_IDLE_TTL_SECONDS: {
    schema: seconds(1, 400 * day),
    default: String(14 * day),
    meaning: "a session that is not refreshed for this long ends",
  },
  SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: {
    schema: seconds(1, 400 * day),
    default: String(90 * day),
    meaning: "a session ends this long after its login, refreshed or not",
  },
  SALLYPORT_REFRESH_GRACE_SECONDS: {
    schema: seconds(0, 600),
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
  SALLYPORT_ARGON2_MEMORY_KIB: {
    schema: z.coerce.number().int().min(8).max(4_194_304),
    default: "19456",
    meaning: "argon2id memory for each hash, in KiB",
  },
  SALLYPORT_ARGON2_PASSES: { schema: z.coerce.number().int().min(1).max(64), default: "2", meaning: "argon2id passes" },
  SALLYPORT_ARGON2_LANES: { schema: z.coerce.number().int().min(1).max(16), default: "1", meaning: "argon2id lanes" },
  SALLYPORT_HASH_PERMITS: {
    schema: z.coerce.number().int().min(0).max(64),
    default: "0",
    meaning:
      "password hashes that run at once; 0: one for each core but one, at least one. Sixteen wait for each, more are refused",
  },
  SALLYPORT_LOG_LEVEL: {
    schema: z.enum(["debug", "info", "warn", "error", "silent"]),
    default: "info",
    meaning: "debug, info, warn, error or silent; JSON lines on standard error, pretty on a terminal",
  },
  SALLYPORT_SHUTDOWN_DELAY_SECONDS: {
    schema: seconds(0, 300),
    default: "1",
    meaning: "how long to go on serving, reported as not serving, after SIGTERM, so that balancers notice",
  },
} as const satisfies Record<`SALLYPORT_${string}`, Setting>;

type Values = { readonly [Name in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[Name]["schema"]> };

/** The settings under their names in the code. Durations are in milliseconds. */
export type Config = ReturnType<typeof named>;

/** Settings that cannot be used, one line for each fault. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the settings are wrong:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/**
 * Reads the settings out of an environment.
 * @throws ConfigError with every fault found: bad values, contradictions, unknown names.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const faults = unknownNames(environment);
  const parsed = Object.entries(SETTINGS).map(([name, setting]) => {
    const result = setting.schema.safeParse(stated(environment, name) ?? setting.default);
    if (!result.success) faults.push(...result.error.issues.map((issue) => `${name}: ${issue.message}`));
    return [name, result.data];
  });
  if (faults.length > 0) throw new ConfigError(faults);
  const config = named(Object.fromEntries(parsed));
  const contradictions = contradictionsOf(config);
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return config;
}

function named(values: Values) {
  const second = 1000;
  return {
    host: values.SALLYPORT_HOST,
    port: values.SALLYPORT_PORT,
    dataDir: values.SALLYPORT_DATA_DIR,
    issuer: values.SALLYPORT_ISSUER || defaultIssuer(values.SALLYPORT_HOST, values.SALLYPORT_PORT),
    audiences: values.SALLYPORT_AUDIENCES,
    masterKeys: values.SALLYPORT_MASTER_KEY,
    signingAlgorithm: values.SALLYPORT_SIGNING_ALGORITHM,
    accessTokenTtlMs: values.SALLYPORT_ACCESS_TOKEN_TTL_SECONDS * second,
    refreshIdleTtlMs: values.SALLYPORT_REFRESH_IDLE_TTL_SECONDS * second,
    refreshAbsoluteTtlMs: values.SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS * second,
    refreshGraceMs: values.SALLYPORT_REFRESH_GRACE_SECONDS * second,
    signupRoles: values.SALLYPORT_SIGNUP_ROLES,
    authorizeCallers: values.SALLYPORT_AUTHORIZE_CALLERS,
    allowedOrigins: values.SALLYPORT_ALLOWED_ORIGINS,
    argon2: {
      memoryKiB: values.SALLYPORT_ARGON2_MEMORY_KIB,
      passes: values.SALLYPORT_ARGON2_PASSES,
      lanes: values.SALLYPORT_ARGON2_LANES,
    },
    hashPermits: values.SALLYPORT_HASH_PERMITS,
    logLevel: values.SALLYPORT_LOG_LEVEL,
    shutdownDelayMs: values.SALLYPORT_SHUTDOWN_DELAY_SECONDS * second,
  };
}

function contradictionsOf(config: Config): string[] {
  const faults: string[] = [];
  if (config.refreshIdleTtlMs > config.refreshAbsoluteTtlMs) {
    faults.push("SALLYPORT_REFRESH_IDLE_TTL_SECONDS must not exceed SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS");
  }
  if (config.refreshGraceMs >= config.refreshIdleTtlMs) {
    faults.push("SALLYPORT_REFRESH_GRACE_SECONDS must be less than SALLYPORT_REFRESH_IDLE_TTL_SECONDS");
  }
  if (config.argon2.memoryKiB < 8 * config.argon2.lanes) {
    faults.push("SALLYPORT_ARGON2_MEMORY_KIB must be at least 8 for each lane (RFC 9106)");
  }
  return faults;
}

function unknownNames(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith("SALLYPORT_") && !Object.hasOwn(SETTINGS, name) && !isForeign(name))
    .map((name) => `${name}: there is no such setting`);
}

/** Kubernetes sets SALLYPORT_PORT to `tcp://…` for a service called `sallyport`: nobody stated that. */
function stated(environment: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = environment[name];
  return name === "SALLYPORT_PORT" && value?.match(/^(tcp|udp):/) ? undefined : value;
}

/** Names that tests use, and those that Kubernetes sets for a service called `sallyport`. */
function isForeign(name: string): boolean {
  return /^SALLYPORT_(TEST_.*|SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)$/.test(name);
}

function defaultIssuer(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
