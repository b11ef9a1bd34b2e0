import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** Two instances on one database. */
let apps: readonly TestApp[];

beforeAll(async () => {
  const first = await startApp();
  apps = [first, await startApp({ dataDir: first.dataDir, clock: first.clock })];
});
afterAll(async () => {
  for (const app of [...apps].reverse()) await app.close();
});

type Account = { username: string; password: string; email?: string };

/** Signs all of them up at once, by turns at one instance and the other; what became of each. */
function race(accounts: readonly Account[]): Promise<readonly string[]> {
  return Promise.all(
    accounts.map(async (account, index) => {
      const call = clientsOf(apps[index % apps.length]?.url ?? "").auth.signup(account);
      return call.then(
        () => "made",
        async () => {
          const { code, reason } = await refusalOf(call);
          return `${code} ${reason}`;
        },
      );
    }),
  );
}

const sixteen = Array.from({ length: 16 }, (_, index) => index);

describe("Sixteen signups at once", () => {
  it("of one name in many spellings make one account, and tell all others that it exists", async () => {
    const spellings = ["racer", "RACER", "ｒａｃｅｒ", "Racer"];
    const password = passwordOf("racer");
    const outcomes = await race(sixteen.map((index) => ({ username: spellings[index % 4] ?? "", password })));
    expect(outcomes.filter((outcome) => outcome === "made")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "AlreadyExists USERNAME_TAKEN")).toHaveLength(15);
    for (const app of apps) expect((await logIn(app, "racer")).tokens.user?.username).toBe("racer");
  });

  it("with one address make one account, and tell all others that it exists", async () => {
    const accounts = sixteen.map((index) => ({
      username: `sharer${index}`,
      password: passwordOf("sharer"),
      email: index % 2 === 0 ? "shared@example.com" : "Shared@Example.COM",
    }));
    const outcomes = await race(accounts);
    expect(outcomes.filter((outcome) => outcome === "made")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "AlreadyExists EMAIL_TAKEN")).toHaveLength(15);
  });

  it("with nothing in common make sixteen accounts", async () => {
    const accounts = sixteen.map((index) => ({ username: `loner${index}`, password: passwordOf("loner") }));
    expect(new Set(await race(accounts))).toEqual(new Set(["made"]));
  });
});
