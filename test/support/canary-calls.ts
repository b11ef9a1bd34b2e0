/** A server's clients, honest and not, whose every secret is a canary. */
import { connect } from "node:http2";
import { create, fromJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Transport } from "@connectrpc/connect";
import { expect } from "vitest";
import type { Canaries } from "./canaries.ts";
import { clientsOf, WIRE_FORMS } from "./clients.ts";
import { servicesOfContract } from "./contract.ts";
import { expectObeyed } from "./obeyed.ts";
import { type SecretRequest, secretRequestsTo, secretsIn } from "./redacted-fields.ts";
import { ask1, ask2 } from "./wire-raw.ts";

const SERVICE = "/sallyport.auth.v1.AuthService";
const JSON_TYPE = { "content-type": "application/json" };

/**
 * A canary in each field that is marked, of each method, over each form of the wire:
 * good ones, others in the shape of a token, and ones that are too long. How many calls that were.
 */
export async function callEveryMethod(url: string, canaries: Canaries): Promise<number> {
  let calls = 0;
  for (const request of secretRequestsTo(await servicesOfContract())) {
    for (const form of WIRE_FORMS) {
      for (const secret of [canaries.make(), canaries.makeJwt(), canaries.make().repeat(300)]) {
        calls += 1;
        await callOnce(form.transport({ baseUrl: url }), request, secret, canaries, `u${calls}`);
      }
    }
  }
  return calls;
}

async function callOnce(
  over: Transport,
  { method, holding, isBytes }: SecretRequest,
  secret: string,
  canaries: Canaries,
  username: string,
): Promise<void> {
  const beside = { username, identifier: username, correlation_id: "one" };
  const text = JSON.stringify(holding(isBytes ? Buffer.from(secret).toString("base64") : secret, beside));
  const header = { authorization: `Bearer ${canaries.make()}` };
  const message = fromJson(method.input, JSON.parse(text));
  const answer = await over.unary(method, undefined, undefined, header, message).catch(() => null);
  if (answer === null) return;
  for (const told of secretsIn(reflect(method.output, create(method.output, answer.message)))) canaries.add(told);
}

/** Everything that succeeds, with secrets that are really issued, and refusals that come of using them wrongly. */
export async function liveALife(url: string, canaries: Canaries, apiKey: string): Promise<void> {
  const password = canaries.make();
  const { auth } = clientsOf(url);
  await auth.signup({ username: "zoe", password });
  const login = { identifier: "zoe", password };
  const tokens = await auth.login(login);
  const attemptId = Buffer.from(canaries.make());
  const fresh = await auth.refresh({ refreshToken: tokens.refreshToken, attemptId });
  const again = await auth.refresh({ refreshToken: tokens.refreshToken, attemptId });
  const last = await auth.refresh({ refreshToken: fresh.refreshToken });
  // This one stays as it is, so that all that is kept of it is there to be looked at.
  const other = await auth.login(login);
  const kept = await auth.refresh({ refreshToken: other.refreshToken, attemptId: Buffer.from(canaries.make()) });
  for (const { accessToken, refreshToken } of [tokens, fresh, again, last, other, kept]) {
    for (const token of [accessToken, refreshToken]) addToken(canaries, token);
  }
  await expect(auth.refresh({ refreshToken: tokens.refreshToken })).rejects.toThrow();
  const { account } = clientsOf(url, last.accessToken);
  await account.getAccount({});
  await account.listSessions({ pageSize: 1 });
  await auth.authorize({ accessToken: last.accessToken });
  await auth.authorize({ accessToken: last.refreshToken });
  await auth.batchAuthorize({ items: [{ correlationId: "one", request: { accessToken: last.accessToken } }] });
  canaries.add(apiKey);
  const { admin } = clientsOf(url, apiKey);
  await expectObeyed(performance.now(), () =>
    admin.listUsers({}).then(
      () => true,
      () => false,
    ),
  );
  await auth.authorize({ accessToken: apiKey });
  await auth.logout({ refreshToken: last.refreshToken });
  await expect(auth.login({ ...login, password: canaries.make() })).rejects.toThrow();
}

/**
 * What an administrator does with secrets, and succeeds at: an account, passwords of it and of
 * somebody else, a service. All of them are used, so that they are good ones.
 */
export async function administer(
  url: string,
  canaries: Canaries,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  const { auth } = clientsOf(url);
  const { accessToken, refreshToken } = await auth.login({ identifier: username, password });
  for (const token of [accessToken, refreshToken]) addToken(canaries, token);
  const { admin } = clientsOf(url, accessToken);
  const [first, second] = [canaries.make(), canaries.make()];
  const { user } = await admin.createUser({ username: "yan", password: first, roles: ["user"] });
  await expect(admin.createUser({ username: "yan", password: canaries.make() })).rejects.toThrow("taken");
  await auth.login({ identifier: "yan", password: first });
  await admin.setUserPassword({ userId: user?.id ?? "", password: second });
  await auth.login({ identifier: "yan", password: second });
  await expect(auth.login({ identifier: "yan", password: first })).rejects.toThrow();
  const { apiKey } = await admin.createService({ name: "billing", permissions: ["users:*"] });
  canaries.add(apiKey);
  const { admin: service } = clientsOf(url, apiKey);
  const third = canaries.make();
  await service.setUserPassword({ userId: user?.id ?? "", password: third });
  const { accessToken: last } = await auth.login({ identifier: "yan", password: third });
  addToken(canaries, last);
  await admin.revokeService({ name: "billing" });
  await expect(service.listUsers({})).rejects.toThrow("not the API key of a service");
}

/** A token, and its last part, without which it is worth nothing. */
function addToken(canaries: Canaries, token: string): void {
  canaries.add(token);
  canaries.add(token.slice(token.lastIndexOf(".") + 1));
}

/** Bodies that are no message, each around a secret. */
const MALFORMED: readonly ((secret: string) => string)[] = [
  (secret) => `{"identifier": "ada", "password": "${secret}`,
  (secret) => `{"identifier": "ada", "password": ${secret}}`,
  (secret) => `{"identifier": "ada", "password": {"${secret}": "${secret}"}}`,
  (secret) => `{"identifier": "ada", "password": ["${secret}"]}`,
  (secret) => `{"identifier": "ada", "password": "${secret}", "password": "${secret}"}`,
  (secret) => `{"identifier": "ada", "passwort": "${secret}"}`,
  (secret) => `{"identifier": "ada", "password": "\\ud800${secret}"}`,
  (secret) => `{"refreshToken": "${secret}", "attemptId": "${secret} is not base64!"}`,
  (secret) => `{"${secret}": 1}`,
  (secret) => secret,
];

/** Requests that no client of ours would make. */
export async function sendWhatIsMalformed(url: string, canaries: Canaries): Promise<void> {
  const port = Number(new URL(url).port);
  const post = (path: string, body: string, headers: Record<string, string | string[]> = JSON_TYPE) =>
    ask1(port, { method: "POST", path, headers, body });
  for (const body of MALFORMED) {
    for (const method of ["Login", "Refresh"]) await post(`${SERVICE}/${method}`, body(canaries.make()));
    for (const type of ["application/proto", "application/grpc-web+proto"]) {
      await post(`${SERVICE}/Login`, body(canaries.make()), { "content-type": type });
    }
  }
  await post(`${SERVICE}/Logout`, "{}", {
    ...JSON_TYPE,
    authorization: [`Bearer ${canaries.make()}`, `Bearer ${canaries.make()}`],
  });
  const session = connect(url);
  for (const ask of [ask1, ask2]) {
    const send = (asked: Parameters<typeof ask>[1]) => ask(port, asked, session);
    const question = encodeURIComponent(`{"accessToken":"${canaries.make()}"}`);
    await send({ path: `${SERVICE}/Authorize?encoding=json&message=${question}` });
    await send({ path: `/?access_token=${canaries.make()}` });
    await send({ path: `/callback/${canaries.make()}` });
    const everywhere = { authorization: `Bearer ${canaries.make()}`, "x-api-key": canaries.make() };
    await send({ path: "/", headers: { ...everywhere, cookie: `session=${canaries.make()}` } });
    await send({ path: "/nowhere", headers: everywhere });
    await send({ method: "POST", path: `${SERVICE}/${canaries.make()}`, headers: JSON_TYPE, body: "{}" });
    const credentials = [
      `Bearer ${canaries.makeJwt()}`,
      `Basic ${Buffer.from(`ada:${canaries.make()}`).toString("base64")}`,
      `Bearer ${canaries.make()} ${canaries.make()}`,
      canaries.make(),
    ];
    for (const authorization of credentials) {
      const headers = { ...JSON_TYPE, authorization };
      await send({ method: "POST", path: "/sallyport.auth.v1.AccountService/GetAccount", headers, body: "{}" });
    }
  }
  session.close();
}
