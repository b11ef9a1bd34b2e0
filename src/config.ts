/**
 * The settings: every `SALLYPORT_*` environment variable, parsed once, all faults
 * reported together. Nothing else in Sallyport reads the environment.
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
