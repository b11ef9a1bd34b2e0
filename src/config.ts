/**
 * The settings: every `SALLYPORT_*` environment variable, parsed once, all faults
 * reported together. Nothing else reads them, but for the entry,
 * which must know the hash permits before anything is loaded.
 */
import type { z } from "zod";
import { SETTINGS } from "./settings.ts";

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
  /** Time from one checkpoint of the revocation feed to the next, in milliseconds. */
  checkpointMs: 1_000,
  /** How long others may keep the published keys before they look again, in milliseconds. */
  jwksCacheLifeMs: 300_000,
} as const;

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
  const values = Object.fromEntries(parsed);
  faults.push(...contradictionsOf(values, (name) => stated(environment, name) !== undefined));
  if (faults.length > 0) throw new ConfigError(faults);
  return named(values);
}

function named(values: Values) {
  const second = 1000;
  return {
    host: values.SALLYPORT_HOST,
    port: values.SALLYPORT_PORT,
    workers: values.SALLYPORT_WORKERS,
    dataDir: values.SALLYPORT_DATA_DIR,
    /** PostgreSQL; `null`: SQLite in the data folder. The URL holds a password. */
    database: values.SALLYPORT_DATABASE_URL === "" ? null : databaseOf(values),
    issuer: values.SALLYPORT_ISSUER || defaultIssuer(values),
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
    tls: tlsFilesOf(values),
    argon2: {
      memoryKiB: values.SALLYPORT_ARGON2_MEMORY_KIB,
      passes: values.SALLYPORT_ARGON2_PASSES,
      lanes: values.SALLYPORT_ARGON2_LANES,
    },
    hashPermits: values.SALLYPORT_HASH_PERMITS,
    /** Whether there is a `/metrics` at all; on the same port if `metricsAddress` is `null`. */
    metricsOpen: values.SALLYPORT_METRICS === "on" || values.SALLYPORT_METRICS_ADDRESS !== null,
    metricsAddress: values.SALLYPORT_METRICS_ADDRESS,
    logLevel: values.SALLYPORT_LOG_LEVEL,
    shutdownDelayMs: values.SALLYPORT_SHUTDOWN_DELAY_SECONDS * second,
  };
}

function databaseOf({ SALLYPORT_DATABASE_URL: url, SALLYPORT_DATABASE_CONNECTIONS: maxConnections }: Values) {
  return { url, maxConnections };
}

/** What every instance on one database must agree on, none may make up. */
function databaseFaultsOf(values: Partial<Values>): string[] {
  if (!values.SALLYPORT_DATABASE_URL) return [];
  const shared = ["SALLYPORT_ISSUER", "SALLYPORT_MASTER_KEY"] as const;
  const missing = shared.filter((name) => values[name]?.length === 0);
  return missing.map((name) => `${name} must be set where SALLYPORT_DATABASE_URL is: the same for every instance`);
}

/** The files of the port's certificate; `null` where it speaks cleartext. */
function tlsFilesOf(values: Values) {
  const { SALLYPORT_TLS_CERT_FILE: certFile, SALLYPORT_TLS_KEY_FILE: keyFile } = values;
  if (certFile === "" || keyFile === "") return null;
  return { certFile, keyFile, clientCaFile: values.SALLYPORT_TLS_CLIENT_CA_FILE || null };
}

/** What is stated by halves: nobody who wants TLS is to be served in cleartext. */
function tlsFaultsOf(values: Partial<Values>): string[] {
  const names = ["SALLYPORT_TLS_CERT_FILE", "SALLYPORT_TLS_KEY_FILE"] as const;
  const wanted = [...names, "SALLYPORT_TLS_CLIENT_CA_FILE"] as const;
  const first = wanted.find((name) => values[name]);
  if (first === undefined) return [];
  return names.filter((name) => !values[name]).map((name) => `${name} must be set where ${first} is`);
}

/** Whether a setting was stated, rather than left at its default. */
type IsStated = (name: keyof typeof SETTINGS) => boolean;

/** What no two settings may say together. NaN, for what could not be parsed, contradicts nothing. */
function contradictionsOf(values: Partial<Values>, isStated: IsStated): string[] {
  const {
    SALLYPORT_REFRESH_IDLE_TTL_SECONDS: idle = Number.NaN,
    SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: absolute = Number.NaN,
    SALLYPORT_REFRESH_GRACE_SECONDS: grace = Number.NaN,
    SALLYPORT_ARGON2_MEMORY_KIB: memory = Number.NaN,
    SALLYPORT_ARGON2_LANES: lanes = Number.NaN,
  } = values;
  const faults: string[] = [];
  if (idle > absolute) {
    faults.push("SALLYPORT_REFRESH_IDLE_TTL_SECONDS must not exceed SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS");
  }
  if (grace >= idle) {
    faults.push("SALLYPORT_REFRESH_GRACE_SECONDS must be less than SALLYPORT_REFRESH_IDLE_TTL_SECONDS");
  }
  if (memory < 8 * lanes) faults.push("SALLYPORT_ARGON2_MEMORY_KIB must be at least 8 for each lane (RFC 9106)");
  return [...faults, ...tlsFaultsOf(values), ...databaseFaultsOf(values), ...metricsFaultsOf(values, isStated)];
}

function metricsFaultsOf(values: Partial<Values>, isStated: IsStated): string[] {
  const { SALLYPORT_METRICS: metrics, SALLYPORT_METRICS_ADDRESS: address, SALLYPORT_HOST: host } = values;
  if (address === undefined || address === null) return [];
  const faults: string[] = [];
  if (metrics === "off" && isStated("SALLYPORT_METRICS")) {
    faults.push("SALLYPORT_METRICS must not be off where SALLYPORT_METRICS_ADDRESS is set");
  }
  if (address.host === host && address.port !== 0 && address.port === values.SALLYPORT_PORT) {
    faults.push(
      "SALLYPORT_METRICS_ADDRESS must differ from SALLYPORT_HOST and SALLYPORT_PORT; for that port set SALLYPORT_METRICS=on",
    );
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

function defaultIssuer(values: Values): string {
  const { SALLYPORT_HOST: host, SALLYPORT_PORT: port } = values;
  const scheme = values.SALLYPORT_TLS_CERT_FILE === "" ? "http" : "https";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
