import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "../../src/config.ts";
import { SETTINGS } from "../../src/settings.ts";

const DAY_MS = 86_400_000;
const KEY = "A".repeat(43);

/** The faults of an environment; none if it is good. */
function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe("The settings", () => {
  it("have a default each, which is within its own bounds", () => {
    expect(readConfig({})).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      workers: 1,
      dataDir: "./data",
      database: null,
      issuer: "http://127.0.0.1:8080",
      audiences: ["sallyport"],
      masterKeys: [],
      signingAlgorithm: "ES256",
      accessTokenTtlMs: 600_000,
      refreshIdleTtlMs: 14 * DAY_MS,
      refreshAbsoluteTtlMs: 90 * DAY_MS,
      refreshGraceMs: 30_000,
      signupRoles: ["user"],
      authorizeCallers: "anyone",
      allowedOrigins: [],
      tls: null,
      argon2: { memoryKiB: 19_456, passes: 2, lanes: 1 },
      hashPermits: 0,
      metricsOpen: false,
      metricsAddress: null,
      logLevel: "info",
      shutdownDelayMs: 1_000,
    });
    const defaults = Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]));
    expect(readConfig(defaults)).toEqual(readConfig({}));
  });

  it("are all taken from the environment, in units of milliseconds", () => {
    const config = readConfig({
      SALLYPORT_HOST: "0.0.0.0",
      SALLYPORT_PORT: "0",
      SALLYPORT_WORKERS: "4",
      SALLYPORT_DATA_DIR: "/srv",
      SALLYPORT_ISSUER: "https://auth.example",
      SALLYPORT_AUDIENCES: "orders, billing",
      SALLYPORT_MASTER_KEY: `${KEY},${"B".repeat(42)}A`,
      SALLYPORT_SIGNING_ALGORITHM: "EdDSA",
      SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "1",
      SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "20",
      SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: "30",
      SALLYPORT_REFRESH_GRACE_SECONDS: "0",
      SALLYPORT_SIGNUP_ROLES: "",
      SALLYPORT_AUTHORIZE_CALLERS: "services",
      SALLYPORT_ALLOWED_ORIGINS: "https://app.example,http://localhost:5173",
      SALLYPORT_TLS_CERT_FILE: "/srv/tls.crt",
      SALLYPORT_TLS_KEY_FILE: "/srv/tls.key",
      SALLYPORT_TLS_CLIENT_CA_FILE: "/srv/clients.crt",
      SALLYPORT_ARGON2_MEMORY_KIB: "64",
      SALLYPORT_ARGON2_PASSES: "3",
      SALLYPORT_ARGON2_LANES: "4",
      SALLYPORT_HASH_PERMITS: "2",
      SALLYPORT_METRICS: "on",
      SALLYPORT_METRICS_ADDRESS: "[::1]:9464",
      SALLYPORT_LOG_LEVEL: "silent",
      SALLYPORT_SHUTDOWN_DELAY_SECONDS: "0",
    });
    expect(config).toMatchObject({
      host: "0.0.0.0",
      port: 0,
      workers: 4,
      dataDir: "/srv",
      issuer: "https://auth.example",
      audiences: ["orders", "billing"],
      masterKeys: [KEY, `${"B".repeat(42)}A`],
      signingAlgorithm: "EdDSA",
      accessTokenTtlMs: 1_000,
      refreshIdleTtlMs: 20_000,
      refreshAbsoluteTtlMs: 30_000,
      refreshGraceMs: 0,
      signupRoles: [],
      authorizeCallers: "services",
      allowedOrigins: ["https://app.example", "http://localhost:5173"],
      tls: { certFile: "/srv/tls.crt", keyFile: "/srv/tls.key", clientCaFile: "/srv/clients.crt" },
      argon2: { memoryKiB: 64, passes: 3, lanes: 4 },
      hashPermits: 2,
      metricsOpen: true,
      metricsAddress: { host: "::1", port: 9464 },
      logLevel: "silent",
      shutdownDelayMs: 0,
    });
  });

  it.each([
    ["127.0.0.1", "8080", "http://127.0.0.1:8080"],
    ["::1", "443", "http://[::1]:443"],
    ["auth.example", "0", "http://auth.example:0"],
  ])("name %s and port %s as the issuer if none is stated", (host, port, issuer) => {
    expect(readConfig({ SALLYPORT_HOST: host, SALLYPORT_PORT: port }).issuer).toBe(issuer);
  });

  it.each([
    ["SALLYPORT_HOST", ""],
    ["SALLYPORT_PORT", ""],
    ["SALLYPORT_PORT", "65536"],
    ["SALLYPORT_PORT", "-1"],
    ["SALLYPORT_PORT", "8080.5"],
    ["SALLYPORT_PORT", "0x50"],
    ["SALLYPORT_PORT", "8080 "],
    ["SALLYPORT_PORT", "http"],
    ["SALLYPORT_WORKERS", "0"],
    ["SALLYPORT_WORKERS", "65"],
    ["SALLYPORT_WORKERS", "two"],
    ["SALLYPORT_WORKERS", "1.5"],
    ["SALLYPORT_DATA_DIR", ""],
    ["SALLYPORT_ISSUER", "auth.example"],
    ["SALLYPORT_ISSUER", "file:///etc"],
    ["SALLYPORT_AUDIENCES", ""],
    ["SALLYPORT_AUDIENCES", "orders,,billing"],
    ["SALLYPORT_AUDIENCES", "a".repeat(257)],
    ["SALLYPORT_MASTER_KEY", "A".repeat(42)],
    ["SALLYPORT_MASTER_KEY", "A".repeat(44)],
    ["SALLYPORT_MASTER_KEY", `${"A".repeat(42)}=`],
    ["SALLYPORT_MASTER_KEY", `${KEY},`],
    ["SALLYPORT_SIGNING_ALGORITHM", "none"],
    ["SALLYPORT_SIGNING_ALGORITHM", "HS256"],
    ["SALLYPORT_ACCESS_TOKEN_TTL_SECONDS", "0"],
    ["SALLYPORT_ACCESS_TOKEN_TTL_SECONDS", "86401"],
    ["SALLYPORT_ACCESS_TOKEN_TTL_SECONDS", "10m"],
    ["SALLYPORT_REFRESH_IDLE_TTL_SECONDS", "Infinity"],
    ["SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS", "1e9"],
    ["SALLYPORT_REFRESH_GRACE_SECONDS", ""],
    ["SALLYPORT_REFRESH_GRACE_SECONDS", "601"],
    ["SALLYPORT_SIGNUP_ROLES", "user,"],
    ["SALLYPORT_AUTHORIZE_CALLERS", "nobody"],
    ["SALLYPORT_ALLOWED_ORIGINS", "*"],
    ["SALLYPORT_ALLOWED_ORIGINS", "https://app.example/"],
    ["SALLYPORT_ALLOWED_ORIGINS", "https://app.example,null"],
    ["SALLYPORT_ARGON2_MEMORY_KIB", "7"],
    ["SALLYPORT_ARGON2_PASSES", "0"],
    ["SALLYPORT_ARGON2_LANES", "17"],
    ["SALLYPORT_HASH_PERMITS", "65"],
    ["SALLYPORT_METRICS", "yes"],
    ["SALLYPORT_METRICS", ""],
    ["SALLYPORT_METRICS_ADDRESS", "9464"],
    ["SALLYPORT_METRICS_ADDRESS", ":9464"],
    ["SALLYPORT_METRICS_ADDRESS", "127.0.0.1"],
    ["SALLYPORT_METRICS_ADDRESS", "127.0.0.1:65536"],
    ["SALLYPORT_METRICS_ADDRESS", "::1:9464"],
    ["SALLYPORT_METRICS_ADDRESS", "http://127.0.0.1:9464"],
    ["SALLYPORT_METRICS_ADDRESS", "127.0.0.1:9464/metrics"],
    ["SALLYPORT_LOG_LEVEL", "INFO"],
    ["SALLYPORT_SHUTDOWN_DELAY_SECONDS", "301"],
  ])("refuse %s=%j, by its name", (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault.startsWith(`${name}: `), fault).toBe(true);
  });

  it("refuse what contradicts another, by both names", () => {
    const idle = { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "100", SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: "99" };
    expect(faultsOf(idle)).toEqual([
      "SALLYPORT_REFRESH_IDLE_TTL_SECONDS must not exceed SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS",
    ]);
    expect(faultsOf({ ...idle, SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: "100" })).toEqual([]);
    const grace = { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "30", SALLYPORT_REFRESH_GRACE_SECONDS: "30" };
    expect(faultsOf(grace)).toEqual([
      "SALLYPORT_REFRESH_GRACE_SECONDS must be less than SALLYPORT_REFRESH_IDLE_TTL_SECONDS",
    ]);
    expect(faultsOf({ SALLYPORT_ARGON2_MEMORY_KIB: "31", SALLYPORT_ARGON2_LANES: "4" })).toEqual([
      "SALLYPORT_ARGON2_MEMORY_KIB must be at least 8 for each lane (RFC 9106)",
    ]);
  });

  it("open metrics by an address of their own too, but not against a stated off, nor on the port itself", () => {
    const address = { SALLYPORT_METRICS_ADDRESS: "localhost:9464" };
    expect(readConfig(address)).toMatchObject({ metricsOpen: true, metricsAddress: { host: "localhost", port: 9464 } });
    expect(readConfig({ SALLYPORT_METRICS: "on" })).toMatchObject({ metricsOpen: true, metricsAddress: null });
    expect(faultsOf({ ...address, SALLYPORT_METRICS: "off" })).toEqual([
      "SALLYPORT_METRICS must not be off where SALLYPORT_METRICS_ADDRESS is set",
    ]);
    const [fault, ...more] = faultsOf({ SALLYPORT_PORT: "9464", SALLYPORT_METRICS_ADDRESS: "127.0.0.1:9464" });
    expect(fault).toMatch(/^SALLYPORT_METRICS_ADDRESS must differ from SALLYPORT_HOST and SALLYPORT_PORT/);
    expect(more).toEqual([]);
  });

  it("tell every fault at once, contradictions too, and never what was in a setting", () => {
    const secret = "sesame-sesame-sesame";
    const error = (() => {
      try {
        readConfig({
          SALLYPORT_MASTER_KEY: secret,
          SALLYPORT_PORT: secret,
          SALLYPORT_ISSUER: secret,
          SALLYPORT_LOG_LEVEL: secret,
          SALLYPORT_ALLOWED_ORIGINS: secret,
          SALLYPORT_PASSWORD: secret,
          SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "10",
        });
      } catch (thrown) {
        return thrown;
      }
      return null;
    })();
    if (!(error instanceof ConfigError)) throw new Error("these settings were taken");
    expect(error.faults).toHaveLength(7);
    expect(error.message.split("\n")).toHaveLength(8);
    expect(error.message).not.toContain("sesame");
  });

  it.each([
    "SALLYPORT_PROT",
    "SALLYPORT_",
    "SALLYPORT_port",
    "SALLYPORT_SERVICE",
    "SALLYPORT_PORT_HTTP",
    "SALLYPORT_TESTS",
  ])("refuse the unknown name %s", (name) => {
    expect(faultsOf({ [name]: "1" })).toEqual([`${name}: there is no such setting`]);
  });

  it("take no notice of other programs' names, of tests', and of what Kubernetes sets for a service of that name", () => {
    const environment = {
      PATH: "/bin",
      MY_SALLYPORT_PORT: "x",
      SALLYPORTER: "x",
      SALLYPORT_TEST_DATABASE_URL: "postgres://",
      SALLYPORT_PORT: "tcp://10.0.0.1:8080",
      SALLYPORT_SERVICE_HOST: "10.0.0.1",
      SALLYPORT_SERVICE_PORT: "8080",
      SALLYPORT_SERVICE_PORT_HTTP: "8080",
      SALLYPORT_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SALLYPORT_PORT_8080_TCP_PROTO: "tcp",
      SALLYPORT_PORT_8080_TCP_PORT: "8080",
      SALLYPORT_PORT_8080_TCP_ADDR: "10.0.0.1",
      SALLYPORT_PORT_53_UDP: "udp://10.0.0.1:53",
    };
    expect(readConfig(environment)).toEqual(readConfig({}));
    expect(readConfig({ SALLYPORT_PORT: "udp://10.0.0.1:53" }).port).toBe(8080);
  });
});

describe("The settings of a database that instances share", () => {
  const SALLYPORT_DATABASE_URL = "postgres://ada:hunter2@db.example/auth";
  const shared = { SALLYPORT_ISSUER: "https://auth.example", SALLYPORT_MASTER_KEY: KEY };

  it("are its URL, and how much one instance may ask of it", () => {
    const given = { ...shared, SALLYPORT_DATABASE_URL };
    expect(readConfig(given).database).toEqual({ url: SALLYPORT_DATABASE_URL, maxConnections: 10 });
    expect(readConfig({ ...given, SALLYPORT_DATABASE_CONNECTIONS: "25" }).database?.maxConnections).toBe(25);
  });

  it("want the issuer and the master key stated, since every instance needs the same", () => {
    const faults = ["SALLYPORT_ISSUER", "SALLYPORT_MASTER_KEY"].map(
      (name) => `${name} must be set where SALLYPORT_DATABASE_URL is: the same for every instance`,
    );
    expect(faultsOf({ SALLYPORT_DATABASE_URL })).toEqual(faults);
    expect(faultsOf({ ...shared, SALLYPORT_ISSUER: "", SALLYPORT_DATABASE_URL })).toEqual([faults[0]]);
  });

  it.each(["mysql://ada:hunter2@db/auth", "host=db password=hunter2", "postgres://ada:hunter2@db:port/auth"])(
    "refuse %s, in words that leave out the password",
    (url) => {
      const [fault, ...others] = faultsOf({ ...shared, SALLYPORT_DATABASE_URL: url });
      expect([fault, others]).toEqual(["SALLYPORT_DATABASE_URL: must be a URL of PostgreSQL: postgres://…", []]);
    },
  );
});
