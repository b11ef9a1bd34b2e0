/** What the service does. Whoever gets here may: the rules in the proto are upheld before. */
import { EventEmitter, on } from "node:events";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { principalOf } from "sallyport/verifier/connect";
import { type Order, OrderSchema, type OrderService } from "./gen/orders/v1/orders_pb.ts";

const orders: Order[] = [];
const news = new EventEmitter<{ placed: [Order] }>().setMaxListeners(0);

/** The handlers. */
export const orderService: ServiceImpl<typeof OrderService> = {
  listProducts: () => ({ products: ["a pen", "a kite"] }),

  placeOrder({ product }, context) {
    const { userId } = principalOf(context);
    const order = create(OrderSchema, { number: orders.length + 1, product, userId });
    orders.push(order);
    news.emit("placed", order);
    return { order };
  },

  async *watchOrders(_request, context) {
    const { userId } = principalOf(context);
    // It aborts when the caller has gone, may no more, or the service stops, and says which.
    const { signal } = context;
    const placed = on(news, "placed", { signal });
    for (const order of orders.filter((each) => each.userId === userId)) yield { order };
    try {
      for await (const [order] of placed) if (order.userId === userId) yield { order };
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  },

  listOrders: () => ({ orders }),
};
