/** A customer: signs up, logs in, may not set a count, and watches one until the logout, which ends that. */
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { createConnectTransport } from "@connectrpc/connect-node";
import { credentials, Metadata, makeClientConstructor } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { createSallyportClient } from "sallyport/client";

const { AUTH_URL = "http://127.0.0.1:8080", STOCK_ADDRESS = "127.0.0.1:8082" } = process.env;

const transport = createConnectTransport({ baseUrl: AUTH_URL, httpVersion: "2" });
const sallyport = createSallyportClient({ transport });
const username = `customer-${crypto.randomUUID()}`;
const password = crypto.randomUUID();
await sallyport.signup({ username, password });
await sallyport.login({ identifier: username, password, audiences: ["sallyport", "stock"] });

const definition = loadFileDescriptorSetFromBuffer(readFileSync("stock.binpb"))["stock.v1.StockService"];
if (definition === undefined || "format" in definition) throw new Error("there is no stock.v1.StockService");
const StockClient = makeClientConstructor(definition, "stock.v1.StockService");
const stock = new StockClient(STOCK_ADDRESS, credentials.createInsecure());
const refused = (error: unknown) => console.log(`refused: ${error instanceof Error ? error.message : error}`);

const metadata = new Metadata();
const getCount = promisify(stock.getCount.bind(stock));
await getCount({ product: "pens" }, metadata).catch(refused);

metadata.set("authorization", `Bearer ${await sallyport.accessToken("stock")}`);
await promisify(stock.setCount.bind(stock))({ product: "pens", count: 7 }, metadata).catch(refused);

try {
  for await (const { count } of stock.watchCount({ product: "pens" }, metadata)) {
    console.log(`pens: ${count}`);
    await sallyport.logout();
  }
} catch (error) {
  refused(error);
}
await getCount({ product: "pens" }, metadata).catch(refused);
