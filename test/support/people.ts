/** People with accounts. */
import type { LoginResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { TestApp } from "./app.ts";
import { type Clients, clientsOf } from "./clients.ts";

/** A good password, different for each name. */
export function passwordOf(username: string): string {
  return `${username} keeps kites in the harbour`;
}

/** Somebody who has just logged in, with clients that carry the access token. */
export type Person = Clients & { readonly tokens: LoginResponse; readonly userId: string };

/** Signs a user up. */
export async function signUp(app: Pick<TestApp, "url">, username: string): Promise<string> {
  const { user } = await clientsOf(app.url).auth.signup({ username, password: passwordOf(username) });
  if (user === undefined) throw new Error("signup answered without a user");
  return user.id;
}

/** Logs a user in. */
export async function logIn(app: Pick<TestApp, "url">, username: string, audiences: string[] = []): Promise<Person> {
  const tokens = await clientsOf(app.url).auth.login({
    identifier: username,
    password: passwordOf(username),
    audiences,
  });
  return { ...clientsOf(app.url, tokens.accessToken), tokens, userId: tokens.user?.id ?? "" };
}

/** Signs a user up and in. */
export async function welcome(app: Pick<TestApp, "url">, username: string, audiences: string[] = []): Promise<Person> {
  await signUp(app, username);
  return logIn(app, username, audiences);
}

/** Makes an administrator from the command line's side, and logs it in. */
export async function welcomeAdmin(app: TestApp, username = "root"): Promise<Person> {
  await app.beside((core) =>
    core.createUser({ username, password: passwordOf(username), email: "", roles: ["admin"] }),
  );
  return logIn(app, username);
}
