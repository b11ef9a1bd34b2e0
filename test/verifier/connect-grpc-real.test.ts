/** The guards with the verifier that others install, against the real server. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { type Delegate, delegate } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { Shop } from "../support/guarded-shop.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { createShopHandlers, type ShopHandlers } from "../support/shop-handlers.ts";
import { bearing, SHOP_FORMS, type ShopClient, shopClient } from "../support/shop-servers.ts";
import { open } from "../support/shop-streams.ts";
import { serviceKey } from "../support/watching.ts";

let app: TestApp;
let admin: Person;
let apiKey: string;
let count = 0;

beforeAll(async () => {
  app = await startApp();
  admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
});
afterAll(() => app.close());

describe.each(SHOP_FORMS)("A backend that delegates, on $name,", (form) => {
  async function delegating(): Promise<{ shop: ShopClient; verifier: Delegate; handlers: ShopHandlers }> {
    const verifier = delegate(app, apiKey);
    await verifier.ready();
    const handlers = createShopHandlers();
    return { shop: shopClient(form, await form.serve({ verifier, services: [Shop] }, handlers)), verifier, handlers };
  }

  it("knows who calls, and that a token for Sallyport itself is not for it", async () => {
    const { shop } = await delegating();
    const { tokens, userId } = await logIn(app, "ada", ["orders"]);
    expect((await shop.buy({ value: "a pen" }, bearing(tokens.accessToken))).value).toBe(`${userId}: a pen`);
    expect((await shop.audit({ value: "books" }, bearing(tokens.accessToken))).value).toBe(`${userId}: books`);
    const elsewhere = await logIn(app, "ada");
    for (const [token, reason] of [
      [elsewhere.tokens.accessToken, "AUDIENCE_MISMATCH"],
      [tokens.refreshToken, "TOKEN_INVALID"],
      [apiKey, "TOKEN_INVALID"],
    ] as const) {
      expect((await refusalOf(shop.buy({}, bearing(token)))).reason).toBe(reason);
      expect((await refusalOf(shop.audit({}, bearing(token)))).reason).toBe(reason);
    }
  });

  it("ends streams when their user logs out, and takes the token no more", async () => {
    const { shop, handlers } = await delegating();
    const { tokens, auth } = await logIn(app, "ada", ["orders"]);
    const stream = open(shop.follow({}, bearing(tokens.accessToken)));
    await stream.begun;
    await auth.logout({ refreshToken: tokens.refreshToken });
    expect((await refusalOf(shop.audit({}, bearing(tokens.accessToken)))).reason).toBe("SESSION_REVOKED");
    expect(await stream.ended).toMatchObject({ code: "Unauthenticated", reason: "SESSION_REVOKED" });
    await eventually(() => handlers.told.length).toBe(1);
    expect((await refusalOf(shop.buy({}, bearing(tokens.accessToken)))).reason).toBe("SESSION_REVOKED");
  });

  it("obeys roles as they are given and taken", async () => {
    const { shop } = await delegating();
    count += 1;
    const name = `keeper${count}`;
    const userId = await signUp(app, name);
    await admin.admin.setRole({ name: "owner", permissions: ["orders:*"] });
    await admin.admin.setUserRoles({ userId, roles: ["owner"] });
    const { tokens } = await logIn(app, name, ["orders"]);
    const refund = () =>
      shop.refund({}, bearing(tokens.accessToken)).then(
        () => "GRANTED",
        async (error) => (await refusalOf(Promise.reject(error))).reason,
      );
    await expect.poll(refund).toBe("GRANTED");
    await admin.admin.setUserRoles({ userId, roles: ["user"] });
    await expect.poll(refund).toBe("PRIVILEGES_CHANGED");
  });
});
