/** What SALLYPORT_DATABASE_URL may say, and what becomes of it on the wire. */
import { chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAddress } from "../../src/store/postgres/address.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createAuthority, type issueServer } from "../support/certificates.ts";
import { askAt, startPostgres, type TestServer } from "../support/postgres.ts";

describe("The URL of the database", () => {
  it("names host, port, database, user and password, in percent-encoding where they need it", () => {
    expect(parseAddress("postgres://ada:p%40ss%2Fword@db.example:6432/sally%20port")).toEqual({
      host: "db.example",
      port: 6432,
      database: "sally port",
      user: "ada",
      password: "p@ss/word",
      tls: false,
      options: "",
      name: "db.example:6432/sally port",
    });
  });

  it("may be of the other scheme, leave out port and password, and name an IPv6 address or a socket", () => {
    const plain = { port: 5432, password: "", database: "auth", user: "ada" };
    expect(parseAddress("postgresql://ada@[::1]/auth")).toMatchObject({ ...plain, host: "::1" });
    const socket = "postgres://ada@/auth?host=/run/postgresql";
    expect(parseAddress(socket.replace("@/", "@localhost/"))).toMatchObject({ ...plain, host: "/run/postgresql" });
  });

  it.each([
    ["no URL", "host=db user=ada password=hunter2", /must be a URL such as/],
    ["of another scheme", "mysql://ada:hunter2@db/auth", /must be a URL such as/],
    ["without a user", "postgres://db/auth", /must name a user and a database/],
    ["without a database", "postgres://ada:hunter2@db", /must name a user and a database/],
    ["with several hosts", "postgres://ada:hunter2@one,two/auth", /names several hosts/],
    ["with a stray percent sign", "postgres://ada:hunter2%@db/auth", /write %25/],
    ["with a parameter of somebody else", "postgres://ada:hunter2@db/auth?pgbouncer=true", /\(pgbouncer\); there are/],
    ["with a mode that promises nothing", "postgres://ada:hunter2@db/auth?sslmode=prefer", /sslmode must be/],
    [
      "that would do with a standby",
      "postgres://ada:hunter2@db/auth?target_session_attrs=any",
      /only a server that takes/,
    ],
    [
      "with a file that is not there",
      "postgres://a:hunter2@db/a?sslmode=verify-full&sslrootcert=/no",
      /names \/no, which/,
    ],
  ])("is refused %s, in words that leave out the password", (_, url, message) => {
    const parse = () => parseAddress(url);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow("hunter2");
  });
});

describe("By the sslmode of its URL the store", () => {
  const folder = temporaryFolder();
  const authorityFile = join(folder, "ca.crt");
  const strangerFile = join(folder, "stranger.crt");
  let server: TestServer;

  beforeAll(async () => {
    server = await startPostgres();
    const authority = await createAuthority();
    writeFileSync(authorityFile, authority.cert);
    writeFileSync(strangerFile, (await createAuthority("Stranger")).cert);
    await certify(await authority.issue({ names: [{ type: "ip", value: "127.0.0.1" }], usage: "server" }));
  });
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true });
  });

  /** Gives the server a certificate, and waits until it speaks TLS. */
  async function certify({ cert, key }: Awaited<ReturnType<typeof issueServer>>): Promise<void> {
    const data = String((await askAt(server.url, "show data_directory"))[0]?.data_directory);
    const { uid, gid } = statSync(data);
    for (const [name, text] of [
      ["server.crt", cert],
      ["server.key", key],
    ] as const) {
      writeFileSync(join(data, name), text, { mode: 0o600 });
      chownSync(join(data, name), uid, gid);
    }
    await setTls("on");
  }

  async function setTls(value: "on" | "off"): Promise<void> {
    await askAt(server.url, `alter system set ssl = ${value}`);
    await askAt(server.url, "select pg_reload_conf()");
    while ((await askAt(server.url, "show ssl"))[0]?.ssl !== value) await pause(10);
  }

  /** Whether the store's connections are encrypted; rejects if it cannot be opened. */
  async function isEncrypted(query: string, host = "127.0.0.1"): Promise<unknown> {
    const url = new URL(`${server.url}?${query}`);
    url.hostname = host;
    const store = await openPostgresStore({ url: url.href });
    try {
      const encrypted = sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      return (await store.read((db) => encrypted.execute(db))).rows[0]?.ssl;
    } finally {
      await store.close();
    }
  }

  it("speaks cleartext if it says nothing, or disable", async () => {
    expect([await isEncrypted(""), await isEncrypted("sslmode=disable")]).toEqual([false, false]);
  });

  it("speaks TLS, with whoever is there, if it says require", async () => {
    expect(await isEncrypted("sslmode=require")).toBe(true);
  });

  it("speaks TLS with a server of the authority that it names, by verify-ca under any name", async () => {
    expect(await isEncrypted(`sslmode=verify-ca&sslrootcert=${authorityFile}`, "localhost")).toBe(true);
    expect(await isEncrypted(`sslmode=verify-full&sslrootcert=${authorityFile}`)).toBe(true);
  });

  it.each([
    ["whose certificate is of nobody that the system trusts", "sslmode=verify-full", "127.0.0.1"],
    ["whose certificate is of another authority", `sslmode=verify-full&sslrootcert=${strangerFile}`, "127.0.0.1"],
    ["the same, by verify-ca", `sslmode=verify-ca&sslrootcert=${strangerFile}`, "127.0.0.1"],
    ["the same, by require", `sslmode=require&sslrootcert=${strangerFile}`, "127.0.0.1"],
    ["whose certificate is for another name", `sslmode=verify-full&sslrootcert=${authorityFile}`, "localhost"],
  ])("refuses a server %s", async (_, query, host) => {
    await expect(isEncrypted(query, host)).rejects.toMatchObject({
      name: "UnusableDatabase",
      message: expect.stringMatching(/certificate|altname/i),
    });
  });

  it("refuses a server that speaks no TLS", async () => {
    await setTls("off");
    await expect(isEncrypted("sslmode=require")).rejects.toThrow("does not support SSL");
  });
});
