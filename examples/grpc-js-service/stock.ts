/** What the service does. Whoever gets here may: the rules in the proto are upheld before. */
import { EventEmitter } from "node:events";
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import { principalOf, signalOf } from "sallyport/verifier/grpc";

type Product = { readonly product: string };
type Count = { readonly count: number; readonly set_by: string };

const counts = new Map<string, Count>();
const watching = new Set<ServerWritableStream<Product, Count>>();
const news = new EventEmitter<{ [product: string]: [Count] }>().setMaxListeners(0);

const getCount: handleUnaryCall<Product, Pick<Count, "count">> = ({ request }, callback) => {
  callback(null, { count: counts.get(request.product)?.count ?? 0 });
};

const setCount: handleUnaryCall<Product & Pick<Count, "count">, object> = (call, callback) => {
  const { product, count } = call.request;
  const next = { count, set_by: principalOf(call).username };
  counts.set(product, next);
  news.emit(product, next);
  callback(null, {});
};

const watchCount: handleServerStreamingCall<Product, Count> = (call) => {
  const { product } = call.request;
  const send = (count: Count) => void call.write(count);
  send(counts.get(product) ?? { count: 0, set_by: "" });
  news.on(product, send);
  watching.add(call);
  // It aborts when the caller has gone, or may no more.
  signalOf(call).addEventListener("abort", () => {
    news.off(product, send);
    watching.delete(call);
  });
};

/** The handlers. */
export const stockService = { getCount, setCount, watchCount };

/** Ends what would go on for ever, so that the service can stop. */
export function endStreams(): void {
  for (const call of watching) call.emit("error", { code: status.UNAVAILABLE, details: "the service stops" });
}
