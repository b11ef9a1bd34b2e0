/** A page that signs people in with `sallyport/client`, whose tabs share one session. `?api=` names the server. */
import { createConnectTransport } from "@connectrpc/connect-web";
import { createBrowserStore, createSallyportClient, reasonOf } from "../../../src/client/client.ts";

type Element = { value: string; textContent: string; onclick: () => void };

// The rest of the checkout has no document; what this page needs of it is little.
declare const document: { getElementById(id: string): Element | null };
declare const location: { readonly href: string };

const baseUrl = new URL(location.href).searchParams.get("api") ?? "";
const client = createSallyportClient({ transport: createConnectTransport({ baseUrl }), store: createBrowserStore() });
await client.session();
client.onChange((change) => {
  element("changes").textContent += `${change.kind} ${change.kind === "signed-out" ? change.reason : ""}`.trim();
  element("changes").textContent += "\n";
});

/** What each button does; what it returns is shown. */
const ACTIONS: Readonly<Record<string, () => Promise<string>>> = {
  async signup() {
    return `signed up ${(await client.signup(credentials())).username}`;
  },
  async login() {
    const { username, password } = credentials();
    return `logged in ${(await client.login({ identifier: username, password })).user.username}`;
  },
  async account() {
    return `this is ${(await client.account.getAccount({})).user?.username}`;
  },
  async refresh() {
    return `refreshed ${(await client.refresh())?.user.username}`;
  },
  async logout() {
    await client.logout();
    return `logged out, ${await client.session()}`;
  },
};

for (const [name, act] of Object.entries(ACTIONS)) {
  element(name).onclick = () => {
    element("said").textContent = "…";
    act().then(say, (error: unknown) => say(`refused: ${reasonOf(error)?.reason ?? error}`));
  };
}

function credentials() {
  return { username: element("username").value, password: element("password").value };
}

function say(text: string): void {
  element("said").textContent = text;
}

function element(id: string): Element {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`there is no #${id}`);
  return found;
}
