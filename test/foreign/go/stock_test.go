package foreign

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	_ "google.golang.org/grpc/health" // switches health checking on in the client
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	authv1 "sallyport.example/foreign/gen/sallyport/auth/v1"
)

const authService = "sallyport.auth.v1.AuthService"

func TestHealth(t *testing.T) {
	health := healthv1.NewHealthClient(dial(t, address(t, target)))
	for _, service := range []string{"", authService} {
		answer, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, answer.Status, healthv1.HealthCheckResponse_SERVING)
	}
	_, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nobody.v1.Nothing"})
	expect(t, refusalOf(t, err).code, codes.NotFound)
}

// The client itself watches the health of a service, and takes no connection for ready before it serves.
func TestHealthCheckingByTheClient(t *testing.T) {
	for service, want := range map[string]connectivity.State{
		authService:         connectivity.Ready,
		"nobody.v1.Nothing": connectivity.TransientFailure,
	} {
		connection := dial(t, address(t, target), grpc.WithDefaultServiceConfig(
			`{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "`+service+`"}}`))
		connection.Connect()
		settled := []connectivity.State{connectivity.Ready, connectivity.TransientFailure}
		state := connection.GetState()
		for !slices.Contains(settled, state) && connection.WaitForStateChange(t.Context(), state) {
			state = connection.GetState()
		}
		expect(t, state, want)
	}
}

func TestReflection(t *testing.T) {
	connection := dial(t, address(t, target))
	stream, err := reflectionv1.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: authService,
	}}
	if err := stream.Send(ask); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var file descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(answer.GetFileDescriptorResponse().FileDescriptorProto[0], &file); err != nil {
		t.Fatal(err)
	}
	expect(t, file.GetName(), "sallyport/auth/v1/auth_service.proto")
	expect(t, file.GetService()[0].GetMethod()[0].GetName(), "Signup")
}

func TestReflectionOfOldClients(t *testing.T) {
	connection := dial(t, address(t, target))
	stream, err := reflectionv1alpha.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := &reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{},
	}
	if err := stream.Send(ask); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, answer.GetListServicesResponse().Service[0].Name, authService)
}

func TestMetadata(t *testing.T) {
	connection := dial(t, address(t, target))
	tokens := welcome(t, newGrpcClient(t, address(t, target)))
	accounts := authv1.NewAccountServiceClient(connection)
	bearer := "Bearer " + tokens.AccessToken
	once := metadata.AppendToOutgoingContext(t.Context(), "authorization", bearer)
	var head metadata.MD
	if _, err := accounts.GetAccount(once, &authv1.GetAccountRequest{}, grpc.Header(&head)); err != nil {
		t.Fatal(err)
	}
	expect(t, len(head.Get("x-request-id")), 1)
	twice := metadata.AppendToOutgoingContext(once, "authorization", bearer)
	_, err := accounts.GetAccount(twice, &authv1.GetAccountRequest{})
	expect(t, refusalOf(t, err).reason, "ERROR_REASON_AUTHORIZATION_MALFORMED")
}

// A stream that nothing ends but its deadline.
func TestDeadlineOfAStream(t *testing.T) {
	health := healthv1.NewHealthClient(dial(t, address(t, target)))
	// The deadline is for the stream: to connect may take longer on a busy machine.
	if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	hurried, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	watch, err := health.Watch(hurried, &healthv1.HealthCheckRequest{Service: authService})
	if err != nil {
		t.Fatal(err)
	}
	first, err := watch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, first.Status, healthv1.HealthCheckResponse_SERVING)
	_, err = watch.Recv()
	expect(t, refusalOf(t, err).code, codes.DeadlineExceeded)
}
