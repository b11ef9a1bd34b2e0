/** A page that signs people in and calls a service of yours. Tokens are fetched, renewed and carried by themselves. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { createBrowserStore, createSallyportClient, reasonOf } from "sallyport/client";
import { OrderService } from "./gen/orders/v1/orders_pb.ts";

const { VITE_AUTH_URL = "http://127.0.0.1:8080", VITE_ORDERS_URL = "http://127.0.0.1:8081" } = import.meta.env;

const sallyport = createSallyportClient({
  transport: createConnectTransport({ baseUrl: VITE_AUTH_URL }),
  store: createBrowserStore(),
});
const orders = createClient(
  OrderService,
  createConnectTransport({
    baseUrl: VITE_ORDERS_URL,
    interceptors: [sallyport.interceptor({ to: VITE_ORDERS_URL, audience: "orders" })],
  }),
);

const form = find("credentials", HTMLFormElement);
const list = find("orders", HTMLOListElement);
let watching = new AbortController();

/** What each button does; what it gives is shown. */
const actions: Readonly<Record<string, () => Promise<string>>> = {
  async signup() {
    const { username } = await sallyport.signup(typedIn());
    return `signed up as ${username}`;
  },
  async login() {
    const { username, password } = typedIn();
    const audiences = ["sallyport", "orders"];
    const { user } = await sallyport.login({ identifier: username, password, audiences });
    return `logged in as ${user.username}`;
  },
  async place() {
    const { order } = await orders.placeOrder({ product: "a pen" });
    return `placed order ${order?.number}`;
  },
  async list() {
    const everybody = await orders.listOrders({});
    return `${everybody.orders.length} orders`;
  },
  async logout() {
    await sallyport.logout();
    return "logged out";
  },
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter instanceof HTMLButtonElement) act(event.submitter.value);
});
for (const name of ["place", "list", "logout"])
  find(name, HTMLButtonElement).addEventListener("click", () => act(name));

// Whoever is signed in, here or in another tab, watches.
sallyport.onChange(({ kind }) => {
  if (kind === "signed-in") watch();
});
if ((await sallyport.session()) !== null) watch();

async function act(name: string): Promise<void> {
  say("…");
  await actions[name]?.().then(say, (error: unknown) => say(explain(error)));
}

async function watch(): Promise<void> {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  list.replaceChildren();
  try {
    for await (const { order } of orders.watchOrders({}, { signal })) {
      const item = document.createElement("li");
      item.textContent = `${order?.product}, number ${order?.number}`;
      list.append(item);
    }
  } catch (error) {
    if (signal.aborted) return;
    // The token has expired, or the user's roles have changed: the next call carries a new token.
    if (reasonOf(error)?.nextStep === "REFRESH") return void setTimeout(watch, 500);
    list.replaceChildren(`no more orders, ${explain(error)}`);
  }
}

function explain(error: unknown): string {
  const refusal = reasonOf(error);
  return refusal === null ? String(error) : `refused: ${refusal.reason}`;
}

function typedIn() {
  const typed = new FormData(form);
  return { username: String(typed.get("username")), password: String(typed.get("password")) };
}

function say(text: string): void {
  find("said", HTMLParagraphElement).textContent = text;
}

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`there is no #${id}`);
  return found;
}
