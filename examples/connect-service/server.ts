/** A Connect service that delegates. Who may call is stated in proto/orders/v1/orders.proto, and nowhere here. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createVerifier } from "sallyport/verifier";
import { authorizationValues, createGuard } from "sallyport/verifier/connect";
import { allowingPagesOf } from "./cors.ts";
import { OrderService } from "./gen/orders/v1/orders_pb.ts";
import { orderService } from "./orders.ts";

const {
  AUTH_URL = "http://127.0.0.1:8080",
  API_KEY_FILE = "api-key",
  MAX_STALENESS_MS = "10000",
  PAGE_ORIGIN = "http://127.0.0.1:5173",
  PORT = "8081",
} = process.env;

const verifier = createVerifier({
  baseUrl: AUTH_URL,
  apiKey: readFileSync(API_KEY_FILE, "utf8").trim(),
  audience: "orders",
  maxStalenessMs: Number(MAX_STALENESS_MS),
  onEvent: (event) => console.error("sallyport:", event.kind, "error" in event ? event.error.message : ""),
});
const guard = createGuard({ verifier, services: [OrderService] });
await verifier.ready();

const stopping = new AbortController();
const adapter = connectNodeAdapter({
  routes: (router) => router.service(OrderService, orderService),
  interceptors: [guard],
  contextValues: authorizationValues,
  shutdownSignal: stopping.signal,
});
const server = createServer(allowingPagesOf(PAGE_ORIGIN, adapter));
server.listen(Number(PORT), "127.0.0.1", () => console.log(`orders listening on http://127.0.0.1:${PORT}`));

process.once("SIGTERM", async () => {
  stopping.abort(new ConnectError("the service stops", Code.Unavailable));
  server.close();
  await once(server, "close");
  await verifier.close();
});
