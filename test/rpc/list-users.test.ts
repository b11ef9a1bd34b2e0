import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { User } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { concurrently } from "../support/concurrently.ts";
import { type Person, passwordOf, signUp, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let root: Person;
const ids = new Map<string, string>();

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  ids.set("root", root.userId);
  for (let index = 1; index <= 9; index += 1) ids.set(`user${index}`, await signUp(app, `user${index}`));
  await app.beside(async (core) => {
    await core.roleDefinitions.set("clerk", [], null);
    for (const name of ["user2", "user5", "user7"]) await core.assignRoles(ids.get(name) ?? "", ["clerk"], null);
  });
});
afterAll(() => app.close());

/** Goes through the pages of a listing, doing something after each; the names of each page. */
async function pagesOf(
  listing: { pageSize: number; role?: string },
  afterEach: (page: number) => Promise<unknown> = async () => {},
): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = [];
  let pageToken = "";
  do {
    const { users, nextPageToken } = await root.admin.listUsers({ ...listing, pageToken });
    pages.push(users.map(({ username }) => username));
    pageToken = nextPageToken;
    await afterEach(pages.length);
  } while (pageToken !== "");
  return pages;
}

const names = (users: readonly User[]) => users.map(({ username }) => username);
const NINE = Array.from({ length: 9 }, (_, index) => `user${index + 1}`);

describe("ListUsers", () => {
  it("hands out every user once, page by page, the oldest first", async () => {
    const all = (await pagesOf({ pageSize: 200 })).flat();
    expect(all.slice(0, 10)).toEqual(["root", ...NINE]);
    for (const pageSize of [1, 2, 3, 9, 10, 11]) {
      const pages = await pagesOf({ pageSize });
      expect(pages.flat()).toEqual(all);
      expect(pages).toHaveLength(Math.ceil(all.length / pageSize));
    }
  });

  it("keeps those who signed up in one moment in the order in which they asked", async () => {
    // One hash at a time, so that nobody overtakes, and as cheap as can be, so that many end in one millisecond.
    const settings = { SALLYPORT_HASH_PERMITS: "1", SALLYPORT_ARGON2_MEMORY_KIB: "8" };
    const other = await startApp({ settings });
    try {
      const crowd = Array.from({ length: 199 }, (_, index) => `walker${index}`);
      const { auth } = clientsOf(other.url, "", createGrpcTransport);
      await concurrently(16, crowd, (username) => auth.signup({ username, password: passwordOf(username) }));
      const { admin } = await welcomeAdmin(other);
      const { users } = await admin.listUsers({ pageSize: 200 });
      expect(names(users)).toEqual([...crowd, "root"]);
    } finally {
      await other.close();
    }
  });

  it("keeps to the role that is asked for, over all pages", async () => {
    expect(await pagesOf({ pageSize: 2, role: "clerk" })).toEqual([["user2", "user5"], ["user7"]]);
    expect(await pagesOf({ pageSize: 2, role: "admin" })).toEqual([["root"]]);
    expect(await pagesOf({ pageSize: 2, role: "nosuchrole" })).toEqual([[]]);
    expect(await pagesOf({ pageSize: 2, role: "CLERK" })).toEqual([[]]);
  });

  it("misses and repeats nobody while users are added and roles change", async () => {
    const pages = await pagesOf({ pageSize: 4 }, async (page) => {
      if (page > 2) return;
      await signUp(app, `latecomer${page}`);
      await app.beside((core) => core.assignRoles(ids.get("user1") ?? "", page === 1 ? ["clerk"] : ["user"], null));
    });
    expect(pages.flat()).toEqual(["root", ...NINE, "latecomer1", "latecomer2"]);
  });

  it("may change the size of its pages on the way", async () => {
    const first = await root.admin.listUsers({ pageSize: 3 });
    const second = await root.admin.listUsers({ pageSize: 5, pageToken: first.nextPageToken });
    expect(names(first.users).concat(names(second.users))).toEqual(["root", ...NINE.slice(0, 7)]);
  });

  it("answers a page token as often as it comes", async () => {
    const { nextPageToken: pageToken } = await root.admin.listUsers({ pageSize: 2 });
    const [one, two] = [await root.admin.listUsers({ pageToken }), await root.admin.listUsers({ pageToken })];
    expect(names(one.users)).toEqual(names(two.users));
  });

  it("gives fifty where nothing is asked, and two hundred at most", async () => {
    const other = await startApp();
    try {
      const { admin } = await welcomeAdmin(other);
      await other.beside(({ store }) => store.write(({ db }) => db.insertInto("users").values(crowdOf(250)).execute()));
      expect((await admin.listUsers({})).users).toHaveLength(50);
      expect((await admin.listUsers({ pageSize: 200 })).users).toHaveLength(200);
      expect((await refusalOf(admin.listUsers({ pageSize: 201 }))).fields).toEqual(["page_size"]);
    } finally {
      await other.close();
    }
  });
});

function crowdOf(size: number) {
  const common = {
    email: null,
    email_verified: 0,
    password_hash: "",
    state: "active",
    epoch: 1,
    create_time: 0,
  } as const;
  return Array.from({ length: size }, (_, index) => ({ ...common, id: `usr_${index}`, username: `person${index}` }));
}

describe("A page token", () => {
  async function firstToken(listing: { role?: string } = {}): Promise<string> {
    return (await root.admin.listUsers({ pageSize: 1, ...listing })).nextPageToken;
  }

  async function expectRefused(pageToken: string, listing: { role?: string } = {}): Promise<void> {
    const refusal = await refusalOf(root.admin.listUsers({ ...listing, pageToken }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID" });
  }

  it("is refused with any one of its characters changed", async () => {
    const token = await firstToken();
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === "A" ? "B" : "A";
      await expectRefused(`${token.slice(0, at)}${other}${token.slice(at + 1)}`);
    }
  });

  it.each([
    ["a character more", (token: string) => `${token}A`],
    ["a character less", (token: string) => token.slice(0, -1)],
    ["padding", (token: string) => `${token}=`],
    ["a space", (token: string) => `${token} `],
    ["another part", (token: string) => `${token}.AAAA`],
    ["no tag", (token: string) => token.split(".")[0] ?? ""],
    ["an empty tag", (token: string) => `${token.split(".")[0]}.`],
    ["a tag alone", (token: string) => `.${token.split(".")[1]}`],
    [
      "another position under its tag",
      (token: string) => `${Buffer.from("usr_").toString("base64url")}.${token.split(".")[1]}`,
    ],
  ])("is refused with %s", async (_what, change) => {
    await expectRefused(change(await firstToken()));
  });

  it.each(["x", ".", "..", "usr_1", "0", "null", "☃"])("cannot be the invention %j", async (pageToken) => {
    await expectRefused(pageToken);
  });

  it("is refused by the same listing with another filter", async () => {
    await expectRefused(await firstToken(), { role: "clerk" });
    await expectRefused(await firstToken({ role: "clerk" }));
    await expectRefused(await firstToken({ role: "clerk" }), { role: "user" });
  });

  it("is refused by other listings", async () => {
    const pageToken = await firstToken();
    for (const call of [root.admin.listRoles({ pageToken }), root.account.listSessions({ pageToken })]) {
      expect((await refusalOf(call)).reason).toBe("PAGE_TOKEN_INVALID");
    }
    const { nextPageToken } = await root.admin.listRoles({ pageSize: 1 });
    await expectRefused(nextPageToken);
  });

  it("is refused by an instance of another database", async () => {
    const other = await startApp();
    try {
      const stranger = await welcomeAdmin(other);
      const { nextPageToken } = await stranger.admin.listRoles({ pageSize: 1 });
      expect((await refusalOf(root.admin.listRoles({ pageToken: nextPageToken }))).reason).toBe("PAGE_TOKEN_INVALID");
    } finally {
      await other.close();
    }
  });

  it("is taken by another instance of the same database", async () => {
    const other = await startApp({ dataDir: app.dataDir, clock: app.clock });
    try {
      const { nextPageToken } = await root.admin.listRoles({ pageSize: 1 });
      const { admin } = clientsOf(other.url, root.tokens.accessToken);
      expect((await admin.listRoles({ pageToken: nextPageToken })).roles[0]?.name).toBe("clerk");
    } finally {
      await other.close();
    }
  });
});
