/** examples/connect-service, from the packed package. */
import { createConnectTransport } from "@connectrpc/connect-node";
import { serviceExampleSuite } from "../support/example-suite.ts";

serviceExampleSuite({
  name: "connect-service",
  service: "orders.v1.OrderService",
  audience: "orders",
  transportTo: (port) => createConnectTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "1.1" }),
  allowed: ["PlaceOrder", { product: "a pen" }],
  privileged: ["ListOrders", {}],
  lacks: "PERMISSION_MISSING",
  watched: ["WatchOrders", {}],
});
