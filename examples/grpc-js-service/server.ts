/** A grpc-js service that delegates. Who may call is stated in proto/stock/v1/stock.proto, and nowhere here. */
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { createVerifier } from "sallyport/verifier";
import { createGuard, readServices } from "sallyport/verifier/grpc";
import { endStreams, stockService } from "./stock.ts";

const {
  AUTH_URL = "http://127.0.0.1:8080",
  API_KEY_FILE = "api-key",
  MAX_STALENESS_MS = "10000",
  PORT = "8082",
} = process.env;

const verifier = createVerifier({
  baseUrl: AUTH_URL,
  apiKey: readFileSync(API_KEY_FILE, "utf8").trim(),
  audience: "stock",
  maxStalenessMs: Number(MAX_STALENESS_MS),
  onEvent: (event) => console.error("sallyport:", event.kind, "error" in event ? event.error.message : ""),
});
// grpc-js keeps no options of methods: the guard reads the rules from the descriptors.
const descriptors = readFileSync("stock.binpb");
const guard = createGuard({ verifier, services: readServices(descriptors) });
await verifier.ready();

const server = new Server({ interceptors: [guard] });
const definition = loadFileDescriptorSetFromBuffer(descriptors, { keepCase: true })["stock.v1.StockService"];
if (definition === undefined || "format" in definition) throw new Error("there is no stock.v1.StockService");
server.addService(definition, stockService);
await promisify(server.bindAsync).call(server, `127.0.0.1:${PORT}`, ServerCredentials.createInsecure());
console.log(`stock listening on 127.0.0.1:${PORT}`);

process.once("SIGTERM", async () => {
  endStreams();
  await promisify(server.tryShutdown).call(server);
  await verifier.close();
});
