/** One of everything that could be mistaken for the right credential. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMethod, JsonValue } from "@bufbuild/protobuf";
import { listKeys } from "../../src/store/queries/keys.ts";
import type { TestApp } from "./app.ts";
import { callByDescriptor, type Request } from "./contract.ts";
import { logIn, passwordOf, signUp, welcomeAdmin } from "./people.ts";

/** An instance with people and services in it. */
export type Realm = {
  readonly app: TestApp;
  /** The API key of a service that may do everything. */
  readonly mightyKey: string;
  /** The API key of a service that may do nothing. */
  readonly idleKey: string;
  /** The id of the administrator. */
  readonly adminId: string;
};

/** Where credentials come from: a realm, and another that calls itself by the same name. */
export type World = { readonly home: Realm; readonly twin: Realm };

/** Takes a fresh credential of a kind. */
export type Take = (world: World) => Promise<string>;

const ADMIN = "root";
const USER = "plain";

/** Puts the people and services into an instance whom credentials are taken from. */
export async function populate(app: TestApp): Promise<Realm> {
  const admin = await welcomeAdmin(app, ADMIN);
  await signUp(app, USER);
  const [mighty, idle] = await app.beside(async ({ services }) => [
    await services.create("mighty", ["*"], null),
    await services.create("idle", [], null),
  ]);
  if (mighty === undefined || idle === undefined) throw new Error("two services were to be made");
  // Whoever ends a session has read the log to its end, and knows of the services.
  await admin.auth.logout({ refreshToken: admin.tokens.refreshToken });
  return { app, mightyKey: mighty.apiKey, idleKey: idle.apiKey, adminId: admin.userId };
}

/** Kinds of credentials. */
export const CREDENTIALS = {
  "an administrator's access token for sallyport": async ({ home }) =>
    (await logIn(home.app, ADMIN)).tokens.accessToken,
  "a user's access token for sallyport": async ({ home }) => (await logIn(home.app, USER)).tokens.accessToken,
  "an access token for orders and sallyport": async ({ home }) =>
    (await logIn(home.app, ADMIN, ["orders", "sallyport"])).tokens.accessToken,
  "an access token for orders": async ({ home }) => (await logIn(home.app, ADMIN, ["orders"])).tokens.accessToken,
  "an access token of a server of the same name": async ({ twin }) => (await logIn(twin.app, ADMIN)).tokens.accessToken,
  "a refresh token": async ({ home }) => (await logIn(home.app, ADMIN)).tokens.refreshToken,
  "a refresh token of a server of the same name": async ({ twin }) =>
    (await logIn(twin.app, ADMIN)).tokens.refreshToken,
  "an API key that may do everything": async ({ home }) => home.mightyKey,
  "an API key that may do nothing": async ({ home }) => home.idleKey,
  "an API key of a server of the same name": async ({ twin }) => twin.mightyKey,
  "a signing key as it is stored": async ({ home }) => storedKey(home.app, "access"),
  "the refresh secret as it is stored": async ({ home }) => storedKey(home.app, "refresh"),
  "the master key": async ({ home }) => readFileSync(join(home.app.dataDir, "master.key"), "utf8").trim(),
  "a key id": async ({ home }) => home.app.beside(async ({ keys }) => keys.signingKey().kid),
  "a session id": async ({ home }) => (await logIn(home.app, ADMIN)).tokens.sessionId,
  "a user id": async ({ home }) => (await logIn(home.app, ADMIN)).userId,
  "a password": async () => passwordOf(ADMIN),
  garbage: async () => "garbage",
} as const satisfies Record<string, Take>;

/** The token for the second page of a listing, under the same name for every listing. */
export function pageTokenOf(method: DescMethod): readonly [kind: string, take: Take] {
  return [
    `a page token of ${method.name}`,
    async ({ home }) => {
      const { tokens } = await logIn(home.app, ADMIN);
      const request = { ...besidePageToken(method, home), pageSize: 1 };
      const page = await callByDescriptor(home.app.url, method, request, `Bearer ${tokens.accessToken}`);
      return nextPageToken(page);
    },
  ];
}

/** Whose things to list, where a listing must be told. */
export function besidePageToken({ input }: DescMethod, { adminId }: Realm): Request {
  return input.fields.some(({ localName }) => localName === "userId") ? { userId: adminId } : {};
}

function nextPageToken(page: JsonValue): string {
  const isPage = typeof page === "object" && page !== null && !Array.isArray(page);
  if (!isPage || typeof page.nextPageToken !== "string") throw new Error("the listing has no second page");
  return page.nextPageToken;
}

async function storedKey(app: TestApp, use: "access" | "refresh"): Promise<string> {
  const keys = await app.beside(({ store }) => store.read(listKeys));
  const key = keys.find((row) => row.use === use);
  if (key === undefined) throw new Error(`there is no ${use} key`);
  return key.private_jwe;
}
