"""A gRPC service that asks Sallyport who may call it."""

import concurrent.futures
import logging
import os

import grpc
from guard import Guard, principal
from orders.v1 import orders_pb2, orders_pb2_grpc
from sallyport.auth.v1 import auth_service_pb2_grpc


class Orders(orders_pb2_grpc.OrdersServicer):
    def GetHours(self, request, context):
        return orders_pb2.GetHoursResponse(hours="from nine to five")

    def PlaceOrder(self, request, context):
        return orders_pb2.PlaceOrderResponse(item=request.item, buyer=principal.get().username)

    def WatchOrders(self, request, context):
        yield orders_pb2.WatchOrdersResponse(item="kite", watcher=principal.get().username)

    def RefundOrder(self, request, context):
        return orders_pb2.RefundOrderResponse(refunded_by=principal.get().username)


def main():
    logging.basicConfig(level=logging.INFO)
    # Cleartext is for loopback: the connection carries tokens and the API key.
    sallyport = grpc.insecure_channel(os.environ.get("SALLYPORT_ADDRESS", "127.0.0.1:8080"))
    auth = auth_service_pb2_grpc.AuthServiceStub(sallyport)
    guard = Guard(auth, os.environ.get("SALLYPORT_API_KEY", ""), "orders", ["orders.v1.Orders"])
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16), interceptors=[guard])
    orders_pb2_grpc.add_OrdersServicer_to_server(Orders(), server)
    host, _, port = os.environ.get("ORDERS_ADDRESS", "127.0.0.1:50052").rpartition(":")
    taken = server.add_insecure_port(f"{host}:{port}")
    server.start()
    print(f"orders listening on {host}:{taken}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
