import type { DescMethod, JsonValue } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { ANY_SERVICE, forServicesOnly, readAccessRules } from "../../src/rpc/access-rules.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { callByDescriptor, servicesOfContract, tokenFieldsOf } from "../support/contract.ts";
import { besidePageToken, CREDENTIALS, pageTokenOf, populate, type Realm, type World } from "../support/credentials.ts";
import { expectNoFault } from "../support/decisions.ts";
import { refusalOf } from "../support/refusals.ts";

const { authorize, batchAuthorize, logout } = AuthService.method;

const contract = await servicesOfContract();
const rules = readAccessRules(contract);
const methods = contract.flatMap((service) => service.methods);
const guarded = methods.filter((method) => !isPublic(method));
const fields = methods.flatMap(tokenFieldsOf);
const listings = fields.filter(({ field }) => field === "page_token").map(({ method }) => pageTokenOf(method));
const credentials = [...Object.entries(CREDENTIALS), ...listings];

const apps: TestApp[] = [];
let world: World;
/** The same, where the operator leaves `Authorize` to services. */
let strict: World;

beforeAll(async () => {
  const realm = async (settings = {}): Promise<Realm> => {
    const app = await startApp({ settings });
    apps.push(app);
    return populate(app);
  };
  const twin = await realm();
  world = { home: await realm(), twin };
  strict = { home: await realm({ SALLYPORT_AUTHORIZE_CALLERS: "services" }), twin };
});
afterAll(() => Promise.all(apps.map((app) => app.close())));
afterEach(() => apps.forEach(expectNoFault));

function isPublic(method: DescMethod): boolean {
  const rule = rules.get(method);
  return rule !== undefined && rule !== ANY_SERVICE && rule.public;
}

const named = (list: readonly DescMethod[]) =>
  list.map((method) => [`${method.parent.name}.${method.name}`, method] as const);

/** Why the call was refused or its answer is a denial; `null` if neither. */
async function reasonAgainst(call: Promise<JsonValue>): Promise<string | null> {
  const answer = await call.catch(() => null);
  if (answer === null) return (await refusalOf(call)).reason;
  return /"reason":"(?:DENIAL|ERROR)_REASON_(\w+)"/.exec(JSON.stringify(answer))?.[1] ?? null;
}

/** Calls with nothing in the message: whoever is let in may well be told so, but not that it may not come in. */
function call({ home }: World, method: DescMethod, credential: string): Promise<string | null> {
  return reasonAgainst(callByDescriptor(home.app.url, method, {}, `Bearer ${credential}`));
}

/** Whether it has the form that a bearer token may have (RFC 6750 section 2.1). */
const isBearer = (credential: string) => /^[\w.~+/-]+=*$/.test(credential);

/** What is wrong with a credential in `authorization` where an access token for Sallyport is wanted. */
function faultOfUser(kind: string, credential: string): string | null {
  if (!isBearer(credential)) return "AUTHORIZATION_MALFORMED";
  if (kind === "an access token for orders") return "AUDIENCE_MISMATCH";
  return /access token for .*sallyport$/.test(kind) ? null : "TOKEN_INVALID";
}

/** What is wrong with it at an RPC that asks for permissions, which a service may hold too. */
function faultOfHolder(kind: string, credential: string): string | null {
  if (kind.startsWith("a user's") || kind === "an API key that may do nothing") return "PERMISSION_MISSING";
  return kind === "an API key that may do everything" ? null : faultOfUser(kind, credential);
}

/** What is wrong with it at an RPC that is left to services. */
function faultOfService(kind: string, credential: string): string | null {
  if (!isBearer(credential)) return "AUTHORIZATION_MALFORMED";
  return /^an API key that may/.test(kind) ? null : "TOKEN_INVALID";
}

/** Reasons of the guard, which nobody hears who is let in. */
const GUARD = /^(TOKEN_|AUTHORIZATION_|AUDIENCE_|PERMISSION_|ROLE_MISSING|SESSION_REVOKED|PRIVILEGES_)/;

describe("The matrix", () => {
  it("covers all that is served", async () => {
    const about = JSON.parse(await (await fetch(world.home.app.url)).text());
    expect(contract.map(({ typeName }) => typeName).sort()).toEqual(about.services.sort());
    expect(guarded.length).toBeGreaterThan(0);
    expect(fields.length).toBeGreaterThan(0);
  });
});

describe.each(named(guarded))("In authorization of %s,", (_name, method) => {
  const rule = rules.get(method);
  const asksPermission = rule !== undefined && rule !== ANY_SERVICE && rule.allPermissions.length > 0;
  const faultOf = asksPermission ? faultOfHolder : faultOfUser;

  it.each(credentials)("%s is told from what belongs there", async (kind, take) => {
    const credential = await take(world);
    const reason = await call(world, method, credential);
    const fault = faultOf(kind, credential);
    if (fault === null) expect(reason ?? "").not.toMatch(GUARD);
    else expect(reason).toBe(fault);
  });

  it("nothing at all is told from what belongs there", async () => {
    expect(await reasonAgainst(callByDescriptor(world.home.app.url, method, {}))).toBe("TOKEN_MISSING");
  });
});

describe.each(named(methods.filter((method) => isPublic(method) && method !== logout)))(
  "In authorization of %s,",
  (_name, method) => {
    it.each(credentials)("%s changes nothing: the RPC is public", async (_kind, take) => {
      const credential = await take(world);
      const without = await reasonAgainst(callByDescriptor(world.home.app.url, method, {}));
      expect(await call(world, method, credential)).toBe(isBearer(credential) ? without : "AUTHORIZATION_MALFORMED");
    });
  },
);

describe.each(named([authorize, batchAuthorize]))(
  "In authorization of %s that is left to services,",
  (_name, method) => {
    it.each(credentials)("%s is told from an API key", async (kind, take) => {
      expect(forServicesOnly(rules, [method]).get(method)).toBe(ANY_SERVICE);
      const credential = await take(strict);
      const fault = faultOfService(kind, credential);
      // An empty question is refused, or denied for want of a token: either way its asker was let in.
      const letIn = method === authorize ? "TOKEN_MISSING" : "REQUEST_INVALID";
      expect(await call(strict, method, credential)).toBe(fault ?? letIn);
    });
  },
);

describe("In authorization of AuthService.Logout,", () => {
  it.each(credentials)("%s is told from an access token for sallyport", async (kind, take) => {
    const credential = await take(world);
    expect(await call(world, logout, credential)).toBe(faultOfUser(kind, credential));
  });

  it("a good access token does not help a bad refresh token", async () => {
    const { url } = world.home.app;
    const accessToken = await CREDENTIALS["a user's access token for sallyport"](world);
    const refused = callByDescriptor(url, logout, { refreshToken: "garbage" }, `Bearer ${accessToken}`);
    expect(await reasonAgainst(refused)).toBe("REFRESH_TOKEN_INVALID");
    expect(await reasonAgainst(callByDescriptor(url, authorize, { accessToken }))).toBeNull();
  });
});

/** What is wrong with a credential in a field of this name. */
const FIELDS: Readonly<Record<string, (kind: string, credential: string, rpc: string) => string | null>> = {
  access_token(kind) {
    if (kind === "an access token for orders") return "AUDIENCE_MISMATCH";
    return /access token for .*sallyport$/.test(kind) ? null : "TOKEN_INVALID";
  },
  refresh_token: (kind) => (kind === "a refresh token" ? null : "REFRESH_TOKEN_INVALID"),
  page_token(kind, credential, rpc) {
    if (kind === `a page token of ${rpc}`) return null;
    return credential.length > 512 ? "REQUEST_INVALID" : "PAGE_TOKEN_INVALID";
  },
};

describe.each(fields.map((place) => [place.name, place] as const))(
  "In %s,",
  (_name, { method, field, requestWith }) => {
    it.each(credentials)("%s is told from what belongs there", async (kind, take) => {
      const credential = await take(world);
      const admin = await CREDENTIALS["an administrator's access token for sallyport"](world);
      const authorization = isPublic(method) ? null : `Bearer ${admin}`;
      const request = { ...besidePageToken(method, world.home), ...requestWith(credential) };
      const answer = callByDescriptor(world.home.app.url, method, request, authorization);
      expect(FIELDS).toHaveProperty(field);
      expect(await reasonAgainst(answer)).toBe(FIELDS[field]?.(kind, credential, method.name));
    });
  },
);
