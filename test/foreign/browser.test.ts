/** A real Chromium: a page of another origin, over Connect-Web. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { type Browser, type BrowserContext, chromium, type Page, type Response } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { chromium as findChromium } from "./support/clients.ts";
import { buildPage, servePage } from "./support/page-server.ts";
import { startTarget, type Target } from "./support/target.ts";
import { ROOT } from "./support/workshop.ts";

/** Root may not have a sandbox, and nothing may be looked up outside this machine. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--no-proxy-server"],
  ...["--disable-background-networking", "--disable-component-update"],
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

type Tokens = { readonly accessToken: string; readonly refreshToken: string };

let folder: string;
let listed: Awaited<ReturnType<typeof servePage>>;
let stranger: Awaited<ReturnType<typeof servePage>>;
let target: Target;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  folder = temporaryFolder();
  await buildPage(folder);
  [listed, stranger] = await Promise.all([servePage(folder), servePage(folder)]);
  target = await startTarget({ SALLYPORT_ALLOWED_ORIGINS: listed.origin });
  browser = await chromium.launch({ executablePath: findChromium() ?? "chromium", args: FLAGS });
});
afterAll(async () => {
  await browser.close();
  await Promise.all([target.close(), listed.close(), stranger.close()]);
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());

async function openTab(origin: string, protocol = "connect"): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(`${origin}/?api=${encodeURIComponent(target.url)}&protocol=${protocol}`);
  return tab;
}

/** Presses a button; what the page says of it. */
async function press(tab: Page, button: string): Promise<string> {
  await tab.click(`#${button}`);
  const said = tab.locator("#said").filter({ hasNotText: /^(ready|…)$/ });
  return (await said.textContent()) ?? "";
}

async function introduce(tab: Page, username: string, password = passwordOf(username)): Promise<void> {
  await tab.fill("#username", username);
  await tab.fill("#password", password);
}

async function tokensOf(tab: Page): Promise<Tokens> {
  return JSON.parse((await tab.evaluate(() => localStorage.getItem("tokens"))) ?? "null");
}

/** The call itself, not the preflight before it. */
function isRefresh(response: Response): boolean {
  return response.url().endsWith("/Refresh") && response.request().method() === "POST";
}

describe.each(["connect", "grpcweb"])("A page in Chromium, over %s", (protocol) => {
  it("signs up, logs in, asks who it is, and logs out", async () => {
    const tab = await openTab(listed.origin, protocol);
    await introduce(tab, `web-${protocol}`);
    expect(await press(tab, "signup")).toMatch(new RegExp(`^signed up web-${protocol} by request req_`));
    expect(await press(tab, "login")).toBe(`logged in web-${protocol}`);
    expect(await press(tab, "account")).toBe(`this is web-${protocol}`);
    expect(await press(tab, "logout")).toBe("logged out");
    expect(await press(tab, "account")).toBe("refused: Unauthenticated ERROR_REASON_SESSION_REVOKED");
    expect(await press(tab, "refresh")).toBe("refused: Unauthenticated ERROR_REASON_SESSION_ENDED");
  });

  it("reads why it is refused, across origins", async () => {
    const tab = await openTab(listed.origin, protocol);
    await introduce(tab, "nobody", "not a good one");
    expect(await press(tab, "login")).toBe("refused: Unauthenticated ERROR_REASON_CREDENTIALS_INVALID");
    await introduce(tab, "nobody", "short");
    expect(await press(tab, "signup")).toBe("refused: InvalidArgument ERROR_REASON_REQUEST_INVALID");
    expect(await press(tab, "account")).toBe("refused: Unauthenticated ERROR_REASON_TOKEN_INVALID");
  });

  it("gets nothing from an origin that is not listed, and does nothing", async () => {
    const tab = await openTab(stranger.origin, protocol);
    const complaint = tab.waitForEvent("console", (message) => message.text().includes("blocked by CORS policy"));
    await introduce(tab, `stranger-${protocol}`);
    expect(await press(tab, "signup")).toBe("refused: Unknown Failed to fetch");
    expect((await complaint).text()).toContain(stranger.origin);
    const login = { identifier: `stranger-${protocol}`, password: passwordOf(`stranger-${protocol}`) };
    const refusal = await refusalOf(clientsOf(target.url).auth.login(login));
    expect(refusal.reason).toBe("CREDENTIALS_INVALID");
  });
});

it("Two tabs that refresh at once with one token both go on, on one live branch, until one logs out", async () => {
  const first = await openTab(listed.origin);
  await introduce(first, "tabitha");
  await press(first, "signup");
  await press(first, "login");
  const before = await tokensOf(first);
  const second = await openTab(listed.origin);

  const tabs = [first, second];
  const coming = tabs.map((tab) => tab.waitForResponse(isRefresh));
  const said = await Promise.all(tabs.map((tab) => press(tab, "refresh")));
  expect(said).toEqual(["refreshed tabitha", "refreshed tabitha"]);
  const answers: readonly Tokens[] = await Promise.all(coming.map(async (response) => (await response).json()));
  const next = Number(decodeJwt(before.refreshToken).gen) + 1;
  expect(answers.map(({ refreshToken }) => decodeJwt(refreshToken).gen)).toEqual([next, next]);
  for (const tab of tabs) expect(await press(tab, "account")).toBe("this is tabitha");

  const { accessToken } = await tokensOf(second);
  const { sessions } = await clientsOf(target.url, accessToken).account.listSessions({});
  expect(sessions).toHaveLength(1);
  expect(await press(second, "refresh")).toBe("refreshed tabitha");
  await second.screenshot({ path: join(ROOT, "artifacts/chromium-two-tabs.png") });

  expect(await press(first, "logout")).toBe("logged out");
  expect(await press(second, "account")).toBe("refused: Unauthenticated ERROR_REASON_SESSION_REVOKED");
  const { auth } = clientsOf(target.url);
  const verdicts = answers.map(async (answer) => verdictOf(await auth.authorize({ accessToken: answer.accessToken })));
  expect(await Promise.all(verdicts)).toEqual(Array(2).fill("SESSION_REVOKED, LOG_IN"));
});
