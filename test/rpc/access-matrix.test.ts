import type { DescMethod } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { callByDescriptor, type Request } from "../support/contract.ts";
import { METHODS } from "../support/methods.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { userRow } from "../support/rows.ts";

type Subject = "nobody" | "user" | "another user" | "disabled user" | "idle service" | "service" | "admin";
const SUBJECTS: readonly Subject[] = [
  "nobody",
  "user",
  "another user",
  "disabled user",
  "idle service",
  "service",
  "admin",
];

/** What the guard refuses with; `null` where it lets pass, whatever becomes of the call then. */
type Verdict = "TOKEN_MISSING" | "TOKEN_INVALID" | "SESSION_REVOKED" | "PERMISSION_MISSING" | null;

/** What each subject is told by each kind of rule. Everything that is served falls under one of the three. */
const MATRIX: Readonly<Record<Subject, Readonly<Record<"public" | "user" | "permission", Verdict>>>> = {
  nobody: { public: null, user: "TOKEN_MISSING", permission: "TOKEN_MISSING" },
  user: { public: null, user: null, permission: "PERMISSION_MISSING" },
  "another user": { public: null, user: null, permission: "PERMISSION_MISSING" },
  "disabled user": { public: null, user: "SESSION_REVOKED", permission: "SESSION_REVOKED" },
  "idle service": { public: null, user: "TOKEN_INVALID", permission: "PERMISSION_MISSING" },
  service: { public: null, user: "TOKEN_INVALID", permission: null },
  admin: { public: null, user: null, permission: null },
};

/** What only the guard refuses with. */
const GUARD = /^(TOKEN_|PERMISSION_|ROLE_MISSING|SESSION_REVOKED|PRIVILEGES_)/;

/** Who may do things to somebody else's account, where the rule lets them in. */
const MAY_REACH_OTHERS: ReadonlySet<Subject> = new Set(["service", "admin"]);

let app: TestApp;
let root: Person;
let count = 0;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  // Disabling or demoting the one who asks would only show that somebody must be left.
  await welcomeAdmin(app, "second-root");
  await signUp(app, "another");
});
afterAll(() => app.close());

/** A request that names everything of the owner's that the method can be told to act on. */
function aimedAt({ userId, tokens, username }: Owner, { input }: DescMethod): Request {
  const aims: Request = {
    userId,
    sessionId: tokens.sessionId,
    username,
    identifier: username,
    name: "nobody-has-this-name",
    password: "a password of somebody else",
    keyId: "no-key-has-this-id",
    roles: ["user"],
  };
  const stated = input.fields.filter(({ localName }) => Object.hasOwn(aims, localName));
  // GetUser names its user by one of several fields.
  const chosen = stated.filter(({ oneof, localName }) => oneof === undefined || localName === "userId");
  return Object.fromEntries(chosen.map(({ localName }) => [localName, aims[localName]]));
}

type Owner = Person & { readonly username: string };

async function newOwner(): Promise<Owner> {
  count += 1;
  const username = `owner${count}`;
  await signUp(app, username);
  return { ...(await logIn(app, username)), username };
}

async function serviceWith(permissions: readonly string[]): Promise<string> {
  count += 1;
  return (await root.admin.createService({ name: `service${count}`, permissions: [...permissions] })).apiKey;
}

async function disabledUser(): Promise<string> {
  const { userId, tokens } = await newOwner();
  await root.admin.disableUser({ userId });
  return tokens.accessToken;
}

/** A credential of the subject, fresh: some RPCs end the one that they are called with. */
async function credentialOf(subject: Subject, owner: Owner, permissions: readonly string[]): Promise<string> {
  switch (subject) {
    case "nobody":
      return "";
    case "user":
      return owner.tokens.accessToken;
    case "another user":
      return (await logIn(app, "another")).tokens.accessToken;
    case "disabled user":
      return disabledUser();
    case "idle service":
      return serviceWith([]);
    case "service":
      return serviceWith(permissions);
    case "admin":
      return (await logIn(app, "second-root")).tokens.accessToken;
  }
}

/** Why the guard refused the call, if it did. Behind a public rule the tokens in the request are what counts. */
async function guardsAgainst(call: Promise<unknown>, kind: string): Promise<string | null> {
  const reason = await call.then(
    () => null,
    async (error) => (await refusalOf(Promise.reject(error))).reason,
  );
  return kind !== "public" && GUARD.test(reason ?? "") ? reason : null;
}

/** All that another may not change of an account. */
async function stateOf({ userId, tokens }: Owner) {
  return {
    row: await userRow(app, userId),
    verdict: await verdictOn(app, tokens.accessToken),
    roles: (await root.admin.getUser({ identity: { case: "userId", value: userId } })).user?.roles,
  };
}

describe.each(METHODS)("$name", ({ method, rule }) => {
  const kind = rule.public ? "public" : rule.allPermissions.length > 0 ? "permission" : "user";

  it.each(SUBJECTS)("answers %s as the access matrix says, and lets none reach further", async (subject) => {
    const owner = await newOwner();
    const credential = await credentialOf(subject, owner, rule.allPermissions);
    const before = await stateOf(owner);
    const authorization = credential === "" ? null : `Bearer ${credential}`;
    const call = callByDescriptor(app.url, method, aimedAt(owner, method), authorization);
    const expected = MATRIX[subject][kind];
    if (expected !== null) expect((await refusalOf(call)).reason).toBe(expected);
    else expect(await guardsAgainst(call, kind)).toBeNull();
    const isAllowedToReach = MAY_REACH_OTHERS.has(subject) && expected === null;
    if (subject !== "user" && !isAllowedToReach) expect(await stateOf(owner)).toEqual(before);
  });
});

describe("The matrix", () => {
  it("covers every kind of rule that is stated", () => {
    for (const { name, rule } of METHODS) {
      const kinds = [rule.public, rule.authenticated, rule.allPermissions.length > 0].filter(Boolean);
      expect([name, kinds.length, rule.anyRole]).toEqual([name, 1, []]);
    }
  });

  it("knows a subject's tokens from those of another server", async () => {
    const other = await startApp();
    try {
      const stranger = await welcomeAdmin(other);
      const refusal = await refusalOf(clientsOf(app.url, stranger.tokens.accessToken).admin.listUsers({}));
      expect(refusal.reason).toBe("TOKEN_INVALID");
    } finally {
      await other.close();
    }
  });
});
