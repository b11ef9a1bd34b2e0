/** A user who is signed in by a client, and somebody else's backend that the client calls. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { InterceptorOptions } from "../../src/client/client.ts";
import { toConnectError } from "../../src/error-details.ts";
import { Refusal } from "../../src/errors.ts";
import { startApp } from "./app.ts";
import { clientOn } from "./client-wire.ts";
import { OrderService, startOrders } from "./orders-backend.ts";
import { passwordOf, signUp } from "./people.ts";

/** How long access tokens live here. */
export const LIFE_MS = 600_000;
/** Who logs in. */
export const ADA = { identifier: "ada", password: passwordOf("ada"), audiences: ["sallyport", "orders"] };

/** Everything that a test of calls to a backend needs. */
export type OrdersLab = Awaited<ReturnType<typeof startOrdersLab>>;

/** Starts the service, with the user, and the backend; and makes a client at which nobody is signed in yet. */
export async function startOrdersLab() {
  const [app, orders] = await Promise.all([startApp(), startOrders()]);
  await signUp(app, "ada");
  const { client, wire } = clientOn(app);
  return {
    app,
    orders,
    client,
    wire,
    /** The backend's client, with tokens for its audience unless the options say otherwise. */
    ordersOf(options: Partial<InterceptorOptions> = {}, createTransport = createConnectTransport) {
      const interceptors = [client.interceptor({ to: orders.url, audience: "orders", ...options })];
      return createClient(OrderService, createTransport({ baseUrl: orders.url, httpVersion: "1.1", interceptors }));
    },
    /** Lets the backend's next calls be refused for this reason, before any work. */
    refuse(times: number, error = toConnectError(new Refusal("TOKEN_EXPIRED"))): void {
      let left = times;
      orders.guard = () => {
        left -= 1;
        if (left >= 0) throw error;
      };
    },
    async close() {
      await Promise.all([app.close(), orders.close()]);
    },
  };
}

/** Three messages for a stream of requests. */
export async function* threeOrders() {
  yield { value: "a" };
  yield { value: "b" };
  yield { value: "c" };
}

/** All that a stream answers, as one text. */
export async function readOrders(messages: AsyncIterable<{ readonly value: string }>): Promise<string> {
  let all = "";
  for await (const { value } of messages) all += value;
  return all;
}
