/** examples/browser in a real Chromium, with Sallyport and examples/connect-service by the commands of their READMEs. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TEST_SETTINGS } from "../support/app.ts";
import { copyExamples } from "../support/example-projects.ts";
import { followReadme, openTerminal, type Terminal } from "../support/example-terminal.ts";
import { freePort } from "../support/free-port.ts";
import { passwordOf } from "../support/people.ts";
import { chromium as findChromium } from "./support/clients.ts";

/** Root may not have a sandbox, and nothing may be looked up outside this machine. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--no-proxy-server"],
  ...["--disable-background-networking", "--disable-component-update"],
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

let parent: string;
let service: Terminal;
let page: Terminal;
let origin: string;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  parent = await copyExamples(["browser", "connect-service"]);
  const [sallyportPort, ordersPort, pagePort] = [await freePort(), await freePort(), await freePort()];
  const urls = [`http://127.0.0.1:${sallyportPort}`, `http://127.0.0.1:${ordersPort}`] as const;
  origin = `http://127.0.0.1:${pagePort}`;
  const folders = { service: join(parent, "connect-service"), page: join(parent, "browser") };
  service = openTerminal(folders.service, {
    ...TEST_SETTINGS,
    SALLYPORT_PORT: String(sallyportPort),
    PORT: String(ordersPort),
    AUTH_URL: urls[0],
    ORDERS_URL: urls[1],
    PAGE_ORIGIN: origin,
  });
  await followReadme(folders.service, service, (command) => command.replace("http://127.0.0.1:5173", origin));
  page = openTerminal(folders.page, { VITE_AUTH_URL: urls[0], VITE_ORDERS_URL: urls[1] });
  await followReadme(folders.page, page, (command) => command.replace("npm start", `npm start -- --port ${pagePort}`));
  browser = await chromium.launch({ executablePath: findChromium() ?? "chromium", args: FLAGS });
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([service?.close(), page?.close()]);
  rmSync(parent, { recursive: true });
});
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());

async function openTab(): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(origin);
  return tab;
}

/** Presses a button; what the page says of it. */
async function press(tab: Page, name: string): Promise<string> {
  await tab.getByRole("button", { name, exact: true }).click();
  const said = tab.locator("#said").filter({ hasNotText: /^…?$/ });
  return (await said.textContent()) ?? "";
}

async function signIn(tab: Page, username: string): Promise<void> {
  await tab.getByLabel("User name").fill(username);
  await tab.getByLabel("Password").fill(passwordOf(username));
  expect(await press(tab, "Sign up")).toBe(`signed up as ${username}`);
  expect(await press(tab, "Log in")).toBe(`logged in as ${username}`);
}

const ordersIn = (tab: Page) => tab.locator("#orders li").count();

describe("The example page, in Chromium,", () => {
  it("signs somebody up and in, whose orders all tabs see, until the logout ends that", async () => {
    const first = await openTab();
    expect(await press(first, "Order a pen")).toBe("refused: TOKEN_MISSING");
    await signIn(first, "paula");
    const second = await openTab();
    expect(await press(first, "Order a pen")).toMatch(/^placed order \d+$/);
    for (const tab of [first, second]) await expect.poll(() => ordersIn(tab)).toBe(1);
    expect(await press(first, "Orders of everybody")).toBe("refused: PERMISSION_MISSING");
    expect(await press(first, "Log out")).toBe("logged out");
    for (const tab of [first, second])
      await expect
        .poll(() => tab.textContent("#orders"))
        .toMatch(/^no more orders, refused: (SESSION_REVOKED|TOKEN_MISSING)$/);
    expect(await press(second, "Order a pen")).toBe("refused: TOKEN_MISSING");
  });

  it("fetches a new token by itself when roles change, and goes on, its list of orders too", async () => {
    const tab = await openTab();
    await signIn(tab, "petra");
    expect(await press(tab, "Order a pen")).toMatch(/^placed order \d+$/);
    await expect.poll(() => ordersIn(tab)).toBe(1);
    const refreshed = tab.waitForResponse((response) => response.url().endsWith("/Refresh") && response.ok());
    await service.run("npx sallyport users set-roles petra admin");
    await refreshed;
    expect(await press(tab, "Orders of everybody")).toMatch(/^\d+ orders$/);
    expect(await press(tab, "Order a pen")).toMatch(/^placed order \d+$/);
    await expect.poll(() => ordersIn(tab)).toBe(2);
  });

  it("says so when the service is away, and keeps the session", async () => {
    const tab = await openTab();
    await signIn(tab, "pia");
    await context.route("**/orders.v1.OrderService/PlaceOrder", (route) => route.abort("connectionrefused"));
    expect(await press(tab, "Order a pen")).toMatch(/Failed to fetch/);
    await context.unroute("**/orders.v1.OrderService/PlaceOrder");
    await tab.reload();
    expect(await press(tab, "Order a pen")).toMatch(/^placed order \d+$/);
  });
});
