/** examples/grpc-js-service, from the packed package. */
import { createGrpcTransport } from "@connectrpc/connect-node";
import { serviceExampleSuite } from "../support/example-suite.ts";

serviceExampleSuite({
  name: "grpc-js-service",
  service: "stock.v1.StockService",
  audience: "stock",
  transportTo: (port) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }),
  allowed: ["GetCount", { product: "pens" }],
  privileged: ["SetCount", { product: "pens", count: 7 }],
  lacks: "ROLE_MISSING",
  watched: ["WatchCount", { product: "pens" }],
});
