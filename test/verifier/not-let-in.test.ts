/** A verifier whose instance answers everything but the feed. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { delegate, verdictOf } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { Shop } from "../support/guarded-shop.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openRoad, type RoughRoad } from "../support/rough-road.ts";
import { createShopHandlers } from "../support/shop-handlers.ts";
import { bearing, SHOP_FORMS, shopClient } from "../support/shop-servers.ts";
import { open } from "../support/shop-streams.ts";
import { serviceKey } from "../support/watching.ts";

const PACE = { firstRetryMs: 10, mostRetryMs: 20 };

/** An instance that lets one call watch, and somebody who has that place until it is told to leave. */
let app: TestApp;
let road: RoughRoad;
let apiKey: string;
let ada: Person;
let heal: () => void;

beforeEach(async () => {
  app = await startApp({ watcherBounds: { all: 1, ofService: 1 } });
  road = await openRoad(app.port);
  const admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
  ada = await logIn(app, "ada", ["orders"]);
  const occupant = delegate(app, await serviceKey(admin, "billing"));
  await occupant.ready();
  heal = () => void occupant.close();
});
afterEach(async () => {
  await road.close();
  await app.close();
});

const start = (options = {}) => delegate({ url: road.url, clock: app.clock }, apiKey, options, { pace: PACE });

describe("A verifier that its instance does not let watch", () => {
  it("tries each time over another connection, which may lead to an instance that does", async () => {
    const verifier = start();
    await eventually(() => verifier.kinds().filter((kind) => kind === "disconnected").length).toBeGreaterThan(5);
    // Nothing has broken: the instance is well, and would answer over the first connection as well as over any.
    expect(road.connections()).toBeGreaterThanOrEqual(5);
    expect(verifier.state()).toMatchObject({ isConnected: false, revision: null });
    heal();
    await verifier.ready();
    expect(verdictOf(verifier, ada.tokens.accessToken)).toBe("GRANTED");
  });
});

describe.each(SHOP_FORMS)("A stream that Sallyport itself admitted while the feed is down, $name,", (form) => {
  async function watching() {
    const verifier = start({ onStale: "remote" });
    const handlers = createShopHandlers();
    const shop = shopClient(form, await form.serve({ verifier, services: [Shop] }, handlers));
    await eventually(verifier.kinds).toContain("disconnected");
    const stream = open(shop.follow({ value: "obedient" }, bearing(ada.tokens.accessToken)));
    await Promise.race([stream.begun, stream.ended]);
    expect(verifier.state()).toMatchObject({ isFresh: false, revision: null });
    return { verifier, handlers, stream };
  }

  it("goes on, and once the feed is back, too", async () => {
    const { verifier, handlers, stream } = await watching();
    heal();
    await verifier.ready();
    expect([stream.got, handlers.told]).toEqual([["obedient"], []]);
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    expect(await stream.ended).toMatchObject({ reason: "SESSION_REVOKED" });
  });

  it("ends as soon as the feed is back, if its session has ended meanwhile", async () => {
    const { handlers, stream } = await watching();
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    expect(handlers.told).toEqual([]);
    heal();
    expect(await stream.ended).toMatchObject({ code: "Unauthenticated", reason: "SESSION_REVOKED" });
    await eventually(() => handlers.told.length).toBe(1);
  });

  it("is refused like any other for a token that is no good", async () => {
    await ada.auth.logout({ refreshToken: ada.tokens.refreshToken });
    const { handlers, stream } = await watching();
    expect(await stream.ended).toMatchObject({ code: "Unauthenticated", reason: "SESSION_REVOKED" });
    expect(handlers.seen).toEqual([]);
  });
});
