/** `sallyport/client` in a real Chromium: tabs that share one session, with Web Locks and, over plain HTTP, without. */
import { rmSync } from "node:fs";
import { decodeJwt } from "jose";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { passwordOf } from "../support/people.ts";
import { chromium as findChromium } from "./support/clients.ts";
import { buildPage, servePage } from "./support/page-server.ts";
import { startTarget, type Target } from "./support/target.ts";

/** Root may not have a sandbox, and nothing is looked up but one name, which makes an origin that is not secure. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--no-proxy-server"],
  ...["--disable-background-networking", "--disable-component-update"],
  "--host-resolver-rules=MAP plain.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

let folder: string;
let page: Awaited<ReturnType<typeof servePage>>;
let target: Target;
let browser: Browser;
let context: BrowserContext;
/** Origins of the page: one that browsers trust, and one over plain HTTP. */
let origins: Readonly<Record<"secure" | "plain", string>>;

beforeAll(async () => {
  folder = temporaryFolder();
  await buildPage(folder, "browser-client");
  page = await servePage(folder);
  origins = { secure: page.origin, plain: page.origin.replace("127.0.0.1", "plain.example") };
  target = await startTarget({ SALLYPORT_ALLOWED_ORIGINS: Object.values(origins).join() });
  browser = await chromium.launch({ executablePath: findChromium() ?? "chromium", args: FLAGS });
});
afterAll(async () => {
  await browser.close();
  await Promise.all([target.close(), page.close()]);
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());

async function openTab(origin: string): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(`${origin}/?api=${encodeURIComponent(target.url)}`);
  return tab;
}

/** What the page says of the button that was pressed. */
async function saidBy(tab: Page): Promise<string> {
  const said = tab.locator("#said").filter({ hasNotText: /^(ready|…)$/ });
  return (await said.textContent()) ?? "";
}

async function press(tab: Page, button: string): Promise<string> {
  await tab.click(`#${button}`);
  return saidBy(tab);
}

async function introduce(tab: Page, username: string): Promise<void> {
  await tab.fill("#username", username);
  await tab.fill("#password", passwordOf(username));
  expect(await press(tab, "signup")).toBe(`signed up ${username}`);
  expect(await press(tab, "login")).toBe(`logged in ${username}`);
}

async function generationIn(tab: Page): Promise<unknown> {
  const { refreshToken } = JSON.parse((await tab.evaluate(() => localStorage.getItem("sallyport"))) ?? "null");
  return decodeJwt(refreshToken).gen;
}

/** Lets refreshes wait on their way, as many as there are, until they are let go. */
async function holdRefreshes(): Promise<{ readonly held: () => number; readonly letGo: () => void }> {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let held = 0;
  await context.route("**/Refresh", async (route) => {
    if (route.request().method() === "POST") held += 1;
    await gate;
    await route.continue();
  });
  return { held: () => held, letGo };
}

describe.each([
  ["secure", true, 1],
  ["plain", false, 2],
] as const)("Two tabs of a %s origin", (kind, hasLocks, most) => {
  it(`${hasLocks ? "take turns by Web Locks" : "have no Web Locks"}: ${most} refresh for both, and both go on`, async () => {
    const first = await openTab(origins[kind]);
    expect(await first.evaluate(() => navigator.locks !== undefined)).toBe(hasLocks);
    await introduce(first, `tabs-${kind}`);
    const second = await openTab(origins[kind]);
    const { held, letGo } = await holdRefreshes();
    await first.click("#refresh");
    await expect.poll(held).toBe(1);
    await second.click("#refresh");
    if (most === 2) await expect.poll(held).toBe(2);
    letGo();
    expect(await Promise.all([saidBy(first), saidBy(second)])).toEqual(Array(2).fill(`refreshed tabs-${kind}`));
    expect(held()).toBe(most);
    expect(await generationIn(first)).toBe(2);
    for (const tab of [first, second]) expect(await press(tab, "account")).toBe(`this is tabs-${kind}`);
  });

  it("hear of each other's logout", async () => {
    const first = await openTab(origins[kind]);
    await introduce(first, `ends-${kind}`);
    const second = await openTab(origins[kind]);
    expect(await press(second, "account")).toBe(`this is ends-${kind}`);
    expect(await press(first, "logout")).toBe("logged out, null");
    await expect.poll(() => second.textContent("#changes")).toBe("signed-out ELSEWHERE\n");
    expect(await press(second, "account")).toBe("refused: TOKEN_MISSING");
    expect(await first.evaluate(() => localStorage.length)).toBe(0);
  });
});

it("A tab that is opened anew goes on with the session, and one whose server is away keeps it", async () => {
  const first = await openTab(origins.secure);
  await introduce(first, "returns");
  await first.close();
  const second = await openTab(origins.secure);
  expect(await press(second, "account")).toBe("this is returns");
  await context.route("**/sallyport.auth.v1.*/*", (route) => route.abort("connectionrefused"));
  expect(await press(second, "refresh")).toMatch(/^refused: ConnectError: .*Failed to fetch/);
  await context.unroute("**/sallyport.auth.v1.*/*");
  await expect.poll(() => press(second, "refresh"), { timeout: 10_000 }).toBe("refreshed returns");
});
