/** Who is measured: how each is started, and what it is asked. */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defaultHashPermits } from "../src/passwords/password-hasher.ts";
import type { RefreshMaterial } from "./contestants/refresh-loop.ts";
import type { VerifyMaterial } from "./contestants/verify-loop.ts";
import type { Sample, Window } from "./driver/job.ts";
import { LOGGING_IN, makeDataFolder, PASSWORD } from "./world/data-folder.ts";
import { createMint } from "./world/mint.ts";
import { LENGTH_ANEW } from "./world/processes.ts";
import { authorizeQuestion, loginQuestion, type Manner, type Question, refreshQuestion } from "./world/questions.ts";
import type { World } from "./world/world.ts";

/** One row of the table. */
export type Contestant = {
  readonly name: string;
  /** What one call of it is. */
  readonly what: string;
  /** Whether it stands on a package that only the benchmark installs. */
  readonly needsPeers: boolean;
  /**
   * Whether each round has a process of its own: how fast some are, is settled by chance as they warm up, and stays so
   * (Barrett et al., "Virtual Machine Warmup Blows Hot and Cold", 2017).
   */
  readonly isRenewed: boolean;
  /**
   * How many windows long one of its windows is: what takes long is measured longer, so that there is something to count,
   * and so is a process that is measured once.
   */
  readonly length: number;
  /** Gets ready; what it returns measures one window. */
  readonly enter: (world: World) => Promise<Measure>;
};

/** Measures one window. */
export type Measure = (window: Window) => Promise<Sample>;

/** Different tokens that a check is asked about in turn, as a service with so many users at work does. */
const KNOWN_TOKENS = 64;
/** Logins under way, four for each permit: enough that none is ever idle, fewer than are refused. */
const LOGINS_AT_ONCE = 4 * defaultHashPermits(availableParallelism());
/** Things that can be used once are made for so many calls a second at least, and for more where more were seen. */
const LEAST = 4000;
const MARGIN = 1.5;

/** Everybody, in the order in which they are measured: those that are compared stand close together. */
export const CONTESTANTS: readonly Contestant[] = [
  echo("connect", "Connect's adapter, the same message", "connect", "grpc"),
  echo("grpc-js", "@grpc/grpc-js, the same bytes", "grpc-js", "grpc"),
  echo("raw-http2", "node:http2, the same bytes", "raw-http2", "grpc"),
  oursAnew("ours-grpc", "Authorize, gRPC", "grpc"),
  peer("better-auth", "better-auth, session check, HTTP/1.1", "better-auth", (facts) => sessionCheck(facts.cookie)),
  peer("fastify-jwt", "Fastify, jsonwebtoken, SQLite, HTTP/1.1", "fastify-jwt", (facts) => me(facts.authorization)),
  ours("ours-connect", "Authorize, Connect binary, HTTP/2", "connect"),
  ours("ours-grpc-web", "Authorize, gRPC-Web, HTTP/1.1", "grpc-web"),
  ours("ours-json", "Authorize, Connect JSON, HTTP/1.1", "connect-json"),
  echo("raw-http", "node:http, the same bytes", "raw-http", "connect-json"),
  contestant("bare-verify", "ES256 verifications in a loop", enterVerifyLoop),
  contestant("ours-first-seen", "Authorize, gRPC, each token new", enterFirstSeen),
  contestant("bare-refresh", "HMACs, statements, signature in a loop", enterRefreshLoop),
  contestant("ours-refresh", "Refresh, gRPC, durable", enterRefresh),
  { ...contestant("bare-argon2", "argon2id verifications in a loop", enterArgon2Loop), length: 2 },
  { ...contestant("ours-login", "Login, gRPC", enterLogin), length: 2 },
  {
    ...peer("better-auth-sign-in", "better-auth, sign-in, HTTP/1.1", "better-auth", signIn, LOGINS_AT_ONCE),
    length: 2,
  },
];

function contestant(name: string, what: string, enter: Contestant["enter"]): Contestant {
  return { name, what, needsPeers: false, isRenewed: false, length: 1, enter };
}

/** A server that answers what ours answered. */
function echo(name: string, what: string, file: string, manner: Manner): Contestant {
  async function enter({ start, recording, mint, driver }: World): Promise<Measure> {
    const served = await start(`contestants/${file}.ts`, [await recording(manner)]);
    const question = authorizeQuestion(manner, mint.accessTokens(KNOWN_TOKENS));
    return (window) => driver.measure(served, question, window);
  }
  return renewed(contestant(name, what, enter));
}

/** The same by a new process in each round. */
function renewed(one: Contestant): Contestant {
  return { ...one, isRenewed: true, length: LENGTH_ANEW };
}

/** Ours, about tokens that it has seen before: new ones for each window, which warms them up, since tokens expire. */
function ours(name: string, what: string, manner: Manner): Contestant {
  return contestant(name, what, async ({ driver, sallyport, mint }) => {
    return (window) => driver.measure(sallyport, authorizeQuestion(manner, mint.accessTokens(KNOWN_TOKENS)), window);
  });
}

/** The same by a process of its own, as those have that it is compared with. */
function oursAnew(name: string, what: string, manner: Manner): Contestant {
  async function enter({ driver, startOurs, mint }: World): Promise<Measure> {
    const served = await startOurs();
    return (window) => driver.measure(served, authorizeQuestion(manner, mint.accessTokens(KNOWN_TOKENS)), window);
  }
  return renewed(contestant(name, what, enter));
}

async function enterFirstSeen({ driver, sallyport, mint }: World): Promise<Measure> {
  return withSupply((window, count) =>
    driver.measure(sallyport, authorizeQuestion("grpc", mint.accessTokens(count), true), window),
  );
}

async function enterRefresh({ driver, sallyport, mint }: World): Promise<Measure> {
  return withSupply((window, count) => {
    const tokens = mint.refreshTokens(count).map(({ token }) => token);
    return driver.measure(sallyport, refreshQuestion(tokens), window);
  });
}

async function enterLogin({ driver, sallyport, folder }: World): Promise<Measure> {
  const names = folder.users.slice(0, LOGGING_IN).map(({ username }) => username);
  return (window) =>
    driver.measure(sallyport, loginQuestion(names, PASSWORD), { ...window, concurrency: LOGINS_AT_ONCE });
}

/** Hands each window as many things as it may use up. */
function withSupply(measure: (window: Window, count: number) => Promise<Sample>): Measure {
  let perSecond = LEAST;
  return async (window) => {
    const seconds = (window.warmMs + window.measureMs) / 1000;
    const sample = await measure(window, Math.ceil(perSecond * seconds * MARGIN) + window.concurrency);
    perSecond = Math.max(LEAST, sample.calls / sample.seconds);
    return sample;
  };
}

async function enterVerifyLoop({ startLoop, workshop, folder, mint }: World): Promise<Measure> {
  const { d: _private, ...jwk } = folder.keys.access;
  const material: VerifyMaterial = { jwk, tokens: mint.accessTokens(KNOWN_TOKENS) };
  return (await startLoop("contestants/verify-loop.ts", [written(workshop, "verify", material)])).measure;
}

async function enterArgon2Loop({ startLoop }: World): Promise<Measure> {
  return (await startLoop("contestants/argon2-loop.ts", [PASSWORD])).measure;
}

/** On a folder of its own, which has as many sessions as it takes for no session to be met twice in a group. */
async function enterRefreshLoop({ startLoop, workshop }: World): Promise<Measure> {
  const folder = await makeDataFolder(workshop, "bare-refresh", { users: 1000, revoked: 0 });
  const material: RefreshMaterial = {
    file: folder.file,
    ...folder.keys,
    accessToken: folder.session.accessToken,
    refreshTokens: createMint(folder).refreshTokens(5000),
  };
  return (await startLoop("contestants/refresh-loop.ts", [written(workshop, "refresh", material)])).measure;
}

function written(workshop: string, name: string, material: object): string {
  const file = join(workshop, `${name}.json`);
  writeFileSync(file, JSON.stringify(material));
  return file;
}

const EMAIL = "bench@example.com";

/** A server made of a package that people would take instead. */
function peer(
  name: string,
  what: string,
  file: string,
  ask: (facts: Readonly<Record<string, string>>) => Question,
  concurrency?: number,
): Contestant {
  async function enter({ start, workshop, driver }: World): Promise<Measure> {
    const served = await start(`peers/${file}.ts`, [join(workshop, name), EMAIL, PASSWORD]);
    const question = ask(served.facts);
    return (window) => driver.measure(served, question, { ...window, ...(concurrency && { concurrency }) });
  }
  return { ...contestant(name, what, enter), needsPeers: true };
}

const PLAIN = { transport: "h1", method: "GET", bodies: [], eachOnce: false } as const;

function sessionCheck(cookie = ""): Question {
  const accept = { status: "http", bytes: Buffer.from('{"session":'), at: 0 } as const;
  return { ...PLAIN, path: "/api/auth/get-session", headers: { cookie }, accept };
}

function signIn(): Question {
  const bodies = [Buffer.from(JSON.stringify({ email: EMAIL, password: PASSWORD }))];
  const headers = { "content-type": "application/json" };
  const accept = { status: "http", bytes: Buffer.from('{"redirect":'), at: 0 } as const;
  return { ...PLAIN, method: "POST", path: "/api/auth/sign-in/email", headers, bodies, accept };
}

function me(authorization = ""): Question {
  const accept = { status: "http", bytes: Buffer.from('{"granted":'), at: 0 } as const;
  return { ...PLAIN, path: "/me", headers: { authorization }, accept };
}
