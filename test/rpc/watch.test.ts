/** The revocation feed, as its watchers get it. */
import { createPublicKey } from "node:crypto";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StartOverReason, VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { WIRE_FORMS } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { kindsOf, serviceKey, theOnly, untilCheckpoint, watch } from "../support/watching.ts";

let app: TestApp;
let admin: Person;
let apiKey: string;

beforeAll(async () => {
  app = await startApp();
  admin = await welcomeAdmin(app);
  await signUp(app, "ada");
  apiKey = await serviceKey(admin, "orders");
});
afterAll(() => app.close());

/** Logs in and out; the session, and the revision of its end. */
async function comeAndGo() {
  const { auth, tokens } = await logIn(app, "ada");
  const { revision } = await auth.logout({ refreshToken: tokens.refreshToken });
  if (revision === undefined) throw new Error("logout answered without a revision");
  return { sessionId: tokens.sessionId, revision, expiresAt: timestampMs(tokens.accessTokenExpiresAt ?? NEVER) };
}
const NEVER = { $typeName: "google.protobuf.Timestamp" as const, seconds: 0n, nanos: 0 };

/** The bytes of the UUID in an id. */
const bytesOf = (id: string) => Buffer.from(id.slice(4).replaceAll("-", ""), "hex");

describe("A watcher without a revision", () => {
  it("gets a snapshot of all that a check needs, and then a checkpoint", async () => {
    const { sessionId, revision, expiresAt } = await comeAndGo();
    const events = await watch(app, apiKey, untilCheckpoint);
    expect(kindsOf(events).filter((kind) => kind !== "userEpochs")).toEqual([
      "started",
      "snapshot",
      "roles",
      "endedSessions",
      "snapshotEnd",
      "checkpoint",
    ]);
    const started = theOnly(events, "started").value;
    expect([started.issuer, durationMs(started.checkpointInterval ?? expect.unreachable())]).toEqual([
      "http://sallyport.test",
      1000,
    ]);
    const { revision: at, keys } = theOnly(events, "snapshot").value;
    const { roles } = theOnly(events, "roles").value;
    expect(at).toEqual(revision);
    expect(roles.map(({ name, permissions }) => [name, permissions])).toEqual([
      ["admin", ["*"]],
      ["user", []],
    ]);
    expect(keys?.keys.map(({ algorithm }) => algorithm)).toEqual(["ES256", "ES256"]);
    const ended = theOnly(events, "endedSessions").value;
    const at16 = Buffer.from(ended.ids).indexOf(bytesOf(sessionId));
    expect(at16 % 16).toBe(0);
    const base = timestampMs(ended.baseTime ?? NEVER);
    expect(base + (ended.expireAfterSeconds[at16 / 16] ?? 0) * 1000).toBe(expiresAt);
    expect(theOnly(events, "snapshotEnd").value).toMatchObject({ revision, parts: kindsOf(events).length - 4 });
    const { asOf, serverTime, revision: stands } = theOnly(events, "checkpoint").value;
    expect(stands).toEqual(revision);
    expect(timestampMs(asOf ?? NEVER)).toBeLessThanOrEqual(timestampMs(serverTime ?? NEVER));
  });

  it("gets the keys that are published, as SubjectPublicKeyInfo", async () => {
    const { keys } = theOnly(await watch(app, apiKey, untilCheckpoint), "snapshot").value;
    const published: unknown = await (await fetch(`${app.url}/.well-known/jwks.json`)).json();
    const told = keys?.keys.map(({ id, spki }) => {
      const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
      return { kid: id, ...key.export({ format: "jwk" }) };
    });
    expect(published).toMatchObject({ keys: told ?? expect.unreachable() });
    expect(durationMs(keys?.maxTokenLife ?? expect.unreachable())).toBe(600_000);
  });
});

describe("A watcher with a revision", () => {
  it.each(WIRE_FORMS)("is told what came after it, over $name", async ({ transport }) => {
    const { revision: after } = await comeAndGo();
    const { sessionId, revision } = await comeAndGo();
    const events = await watch(app, apiKey, untilCheckpoint, { after, transport: transport({ baseUrl: app.url }) });
    expect(kindsOf(events)).toEqual(["started", "batch", "checkpoint"]);
    const { from, through, entries } = theOnly(events, "batch").value;
    expect([from, through]).toEqual([after, revision]);
    expect(entries.map(({ change }) => change)).toMatchObject([{ case: "sessionEnded", value: { sessionId } }]);
  });

  it("that is the newest gets a checkpoint at once, and what happens from then on", async () => {
    const { revision: after } = await comeAndGo();
    const gone: Awaited<ReturnType<typeof comeAndGo>>[] = [];
    const events = await watch(
      app,
      apiKey,
      async ({ case: kind }) => {
        if (kind === "checkpoint" && gone.length === 0) gone.push(await comeAndGo());
        return kind === "batch";
      },
      { after },
    );
    expect(kindsOf(events)[1]).toBe("checkpoint");
    expect(theOnly(events, "batch").value).toMatchObject({ from: after, through: gone[0]?.revision });
  });

  it("hears of privileges, roles and keys, each in its place", async () => {
    const { revision: after } = await comeAndGo();
    const userId = await signUp(app, "grace");
    await admin.admin.setRole({ name: "clerk", permissions: ["orders:read", "orders:eu:*"] });
    await admin.admin.setUserRoles({ userId, roles: ["user", "clerk"] });
    await admin.admin.setUserRoles({ userId, roles: ["user"] });
    await admin.admin.deleteRole({ name: "clerk" });
    await admin.admin.rotateSigningKeys({ force: true });
    const { keys } = await admin.admin.listSigningKeys({});
    const events = await watch(app, apiKey, untilCheckpoint, { after });
    const changes = theOnly(events, "batch").value.entries.map(({ change }) => change);
    expect(changes.map(({ case: kind }) => kind)).toEqual([
      "roleSet",
      "userEpochRaised",
      "userEpochRaised",
      "roleDeleted",
      "keys",
    ]);
    expect(changes[0]?.value).toMatchObject({ name: "clerk", permissions: ["orders:read", "orders:eu:*"] });
    expect([changes[1]?.value, changes[2]?.value]).toMatchObject([
      { userId, epoch: expect.any(Number) },
      { userId, epoch: expect.any(Number) },
    ]);
    expect(changes[3]?.value).toBe("clerk");
    expect(changes[4]?.value).toMatchObject({ keys: keys.map(({ id }) => ({ id })) });
  });

  it.each([
    ["of another log", { logId: "another" }, StartOverReason.LOG_REPLACED],
    ["that the server has not got", { number: 1_000_000n }, StartOverReason.UNKNOWN],
    ["from before this start of the server", { number: 0n }, StartOverReason.TOO_OLD],
  ])("%s is told to start over, and why, and gets a snapshot", async (_what, other, reason) => {
    const second = await startApp({ dataDir: app.dataDir });
    const { revision } = await comeAndGo();
    await second.beside(async () => {});
    const events = await watch(second, apiKey, untilCheckpoint, { after: { ...revision, ...other } });
    expect(kindsOf(events).slice(0, 3)).toEqual(["started", "startOver", "snapshot"]);
    expect(theOnly(events, "startOver").value.reason).toBe(reason);
    await second.close();
  });

  it("that another instance told is known to one that was a moment behind, once it has read the log", async () => {
    const second = await startApp({ dataDir: app.dataDir });
    for (let count = 0; count < 5; count += 1) {
      const { revision } = await comeAndGo();
      const events = await watch(second, apiKey, untilCheckpoint, { after: revision });
      expect(kindsOf(events)).toEqual(["started", "checkpoint"]);
      expect(theOnly(events, "checkpoint").value.revision).toEqual(revision);
    }
    await second.close();
  });

  it("starts over when the log is replaced while it watches", async () => {
    const own = await startApp();
    const root = await welcomeAdmin(own);
    const key = await serviceKey(root, "orders");
    let isRestored = false;
    const events = await watch(own, key, async ({ case: kind }, all) => {
      if (kind === "checkpoint" && !isRestored) {
        isRestored = true;
        await own.beside((core) => core.declareRestored());
      }
      return kind === "checkpoint" && kindsOf(all).includes("startOver");
    });
    expect(theOnly(events, "startOver").value.reason).toBe(StartOverReason.LOG_REPLACED);
    const kinds = kindsOf(events);
    expect(kinds.slice(kinds.indexOf("startOver"))).toEqual(expect.arrayContaining(["snapshot", "snapshotEnd"]));
    await own.close();
  });
});

describe("A watcher is refused", () => {
  const first = (key: string) => watch(app, key, () => true);

  it("without a credential, or with one that is none", async () => {
    expect(await refusalOf(first(""))).toMatchObject({ code: "InvalidArgument", reason: "AUTHORIZATION_MALFORMED" });
    const client = createClient(VerifierService, createGrpcTransport({ baseUrl: app.url }));
    const asNobody = async () => {
      for await (const _ of client.watch({})) return;
    };
    expect(await refusalOf(asNobody())).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_MISSING" });
    const madeUp = `sallyport_svk_${"A".repeat(43)}`;
    expect(await refusalOf(first(madeUp))).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_INVALID" });
  });

  it("without the permission feed:watch", async () => {
    const key = await serviceKey(admin, "nosy", ["users:read"]);
    expect(await refusalOf(first(key))).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_MISSING" });
  });

  it("if it is a user, whatever its permissions", async () => {
    const user = await welcome(app, "mallory");
    expect(await refusalOf(first(user.tokens.accessToken))).toMatchObject({ reason: "PERMISSION_MISSING" });
    expect(await refusalOf(first(admin.tokens.accessToken))).toMatchObject({
      code: "PermissionDenied",
      reason: "SERVICE_REQUIRED",
    });
  });

  it("once its credential is revoked, at once, and for a new one of the same name too", async () => {
    const key = await serviceKey(admin, "fleeting");
    const refusal = refusalOf(
      watch(app, key, async ({ case: kind }, events) => {
        if (kind === "checkpoint" && kindsOf(events).indexOf(kind) === events.length - 1) {
          await admin.admin.revokeService({ name: "fleeting" });
          await serviceKey(admin, "fleeting");
        }
        return false;
      }),
    );
    expect(await refusal).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_INVALID" });
  });

  it("with a revision that is none", async () => {
    const after = { $typeName: "sallyport.auth.v1.Revision" as const, logId: "", number: 0n };
    expect(await refusalOf(watch(app, apiKey, () => true, { after }))).toMatchObject({
      code: "InvalidArgument",
      reason: "REQUEST_INVALID",
      fields: ["after.log_id"],
    });
  });

  it("by a server that stops, which does not wait for it", async () => {
    const own = await startApp();
    const key = await serviceKey(await welcomeAdmin(own), "orders");
    let seen = 0;
    const ended = refusalOf(
      watch(own, key, () => {
        seen += 1;
        return false;
      }),
    );
    await eventually(() => seen).toBeGreaterThan(3);
    await own.close();
    expect(await ended).toMatchObject({ code: "Unavailable" });
  });
});
