// Command orders is a gRPC service that asks Sallyport who may call it.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	ordersv1 "sallyport.example/orders/gen/orders/v1"
	authv1 "sallyport.example/orders/gen/sallyport/auth/v1"
)

type orders struct {
	ordersv1.UnimplementedOrdersServer
}

func (orders) GetHours(context.Context, *ordersv1.GetHoursRequest) (*ordersv1.GetHoursResponse, error) {
	return &ordersv1.GetHoursResponse{Hours: "from nine to five"}, nil
}

func (orders) PlaceOrder(ctx context.Context, r *ordersv1.PlaceOrderRequest) (*ordersv1.PlaceOrderResponse, error) {
	return &ordersv1.PlaceOrderResponse{Item: r.Item, Buyer: PrincipalOf(ctx).Username}, nil
}

func (orders) WatchOrders(_ *ordersv1.WatchOrdersRequest, stream ordersv1.Orders_WatchOrdersServer) error {
	watcher := PrincipalOf(stream.Context()).Username
	return stream.Send(&ordersv1.WatchOrdersResponse{Item: "kite", Watcher: watcher})
}

func (orders) RefundOrder(ctx context.Context, _ *ordersv1.RefundOrderRequest) (*ordersv1.RefundOrderResponse, error) {
	return &ordersv1.RefundOrderResponse{RefundedBy: PrincipalOf(ctx).Username}, nil
}

func main() {
	// Cleartext is for loopback: the connection carries tokens and the API key.
	sallyport, err := grpc.NewClient(setting("SALLYPORT_ADDRESS", "127.0.0.1:8080"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	guard, err := NewGuard(authv1.NewAuthServiceClient(sallyport), os.Getenv("SALLYPORT_API_KEY"), "orders",
		&ordersv1.Orders_ServiceDesc)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(guard.Unary), grpc.ChainStreamInterceptor(guard.Stream))
	ordersv1.RegisterOrdersServer(server, orders{})
	listener, err := net.Listen("tcp", setting("ORDERS_ADDRESS", "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("orders listening on %s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
