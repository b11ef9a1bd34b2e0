/** A customer: signs up, logs in, orders, and watches the orders until the logout, which ends that. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createSallyportClient, reasonOf } from "sallyport/client";
import { OrderService } from "./gen/orders/v1/orders_pb.ts";

const { AUTH_URL = "http://127.0.0.1:8080", ORDERS_URL = "http://127.0.0.1:8081" } = process.env;

const sallyport = createSallyportClient({ transport: createConnectTransport({ baseUrl: AUTH_URL, httpVersion: "2" }) });
const orders = createClient(
  OrderService,
  createConnectTransport({
    baseUrl: ORDERS_URL,
    httpVersion: "1.1",
    interceptors: [sallyport.interceptor({ to: ORDERS_URL, audience: "orders" })],
  }),
);
const refused = (error: unknown) => console.log(`refused: ${reasonOf(error)?.reason ?? error}`);

await orders.placeOrder({ product: "a pen" }).catch(refused);

const username = `customer-${crypto.randomUUID()}`;
const password = crypto.randomUUID();
await sallyport.signup({ username, password });
await sallyport.login({ identifier: username, password, audiences: ["sallyport", "orders"] });
await orders.placeOrder({ product: "a pen" });
await orders.listOrders({}).catch(refused);

try {
  for await (const { order } of orders.watchOrders({})) {
    console.log(`ordered: ${order?.product}`);
    if (order?.product === "a pen") await orders.placeOrder({ product: "a kite" });
    else await sallyport.logout();
  }
} catch (error) {
  refused(error);
}
