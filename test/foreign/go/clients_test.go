// Package foreign calls Sallyport as Go backends do: with grpc-go, and with
// connect-go in each of its protocols. The stubs in gen/ are made from the proto
// tree when the tests are run; they are not kept.
package foreign

import (
	"context"
	"errors"
	"net/http"
	"os"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	authv1 "sallyport.example/foreign/gen/sallyport/auth/v1"
	"sallyport.example/foreign/gen/sallyport/auth/v1/authv1connect"
)

// client is what both libraries can do. A token goes into `authorization`, unless it is empty.
type client interface {
	signup(context.Context, *authv1.SignupRequest) (*authv1.SignupResponse, error)
	login(context.Context, *authv1.LoginRequest) (*authv1.LoginResponse, error)
	refresh(context.Context, *authv1.RefreshRequest) (*authv1.RefreshResponse, error)
	logout(context.Context, *authv1.LogoutRequest) (*authv1.LogoutResponse, error)
	authorize(context.Context, *authv1.AuthorizeRequest) (*authv1.AuthorizeResponse, error)
	account(ctx context.Context, token string) (*authv1.GetAccountResponse, error)
}

// forEachClient runs a test with every client of the server that the variable names.
func forEachClient(t *testing.T, variable string, test func(*testing.T, client)) {
	address := address(t, variable)
	t.Run("grpc-go", func(t *testing.T) { test(t, newGrpcClient(t, address)) })
	t.Run("connect-go", func(t *testing.T) { test(t, newConnectClient(address)) })
	t.Run("connect-go over gRPC", func(t *testing.T) { test(t, newConnectClient(address, connect.WithGRPC())) })
	t.Run("connect-go over gRPC-Web", func(t *testing.T) { test(t, newConnectClient(address, connect.WithGRPCWeb())) })
}

func address(t *testing.T, variable string) string {
	address := os.Getenv(variable)
	if address == "" {
		t.Fatalf("%s must name a server", variable)
	}
	return address
}

type grpcClient struct {
	auth     authv1.AuthServiceClient
	accounts authv1.AccountServiceClient
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	connection, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func newGrpcClient(t *testing.T, address string) client {
	return grpcClientOver(dial(t, address))
}

func grpcClientOver(connection *grpc.ClientConn) client {
	return grpcClient{authv1.NewAuthServiceClient(connection), authv1.NewAccountServiceClient(connection)}
}

func (c grpcClient) signup(ctx context.Context, r *authv1.SignupRequest) (*authv1.SignupResponse, error) {
	return c.auth.Signup(ctx, r)
}

func (c grpcClient) login(ctx context.Context, r *authv1.LoginRequest) (*authv1.LoginResponse, error) {
	return c.auth.Login(ctx, r)
}

func (c grpcClient) refresh(ctx context.Context, r *authv1.RefreshRequest) (*authv1.RefreshResponse, error) {
	return c.auth.Refresh(ctx, r)
}

func (c grpcClient) logout(ctx context.Context, r *authv1.LogoutRequest) (*authv1.LogoutResponse, error) {
	return c.auth.Logout(ctx, r)
}

func (c grpcClient) authorize(ctx context.Context, r *authv1.AuthorizeRequest) (*authv1.AuthorizeResponse, error) {
	return c.auth.Authorize(ctx, r)
}

func (c grpcClient) account(ctx context.Context, token string) (*authv1.GetAccountResponse, error) {
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return c.accounts.GetAccount(ctx, &authv1.GetAccountRequest{})
}

type connectClient struct {
	auth     authv1connect.AuthServiceClient
	accounts authv1connect.AccountServiceClient
}

func newConnectClient(address string, options ...connect.ClientOption) client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	over := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	return connectClientOver(over, "http://"+address, options...)
}

func connectClientOver(over *http.Client, url string, options ...connect.ClientOption) client {
	return connectClient{
		authv1connect.NewAuthServiceClient(over, url, options...),
		authv1connect.NewAccountServiceClient(over, url, options...),
	}
}

func (c connectClient) signup(ctx context.Context, r *authv1.SignupRequest) (*authv1.SignupResponse, error) {
	return message(c.auth.Signup(ctx, connect.NewRequest(r)))
}

func (c connectClient) login(ctx context.Context, r *authv1.LoginRequest) (*authv1.LoginResponse, error) {
	return message(c.auth.Login(ctx, connect.NewRequest(r)))
}

func (c connectClient) refresh(ctx context.Context, r *authv1.RefreshRequest) (*authv1.RefreshResponse, error) {
	return message(c.auth.Refresh(ctx, connect.NewRequest(r)))
}

func (c connectClient) logout(ctx context.Context, r *authv1.LogoutRequest) (*authv1.LogoutResponse, error) {
	return message(c.auth.Logout(ctx, connect.NewRequest(r)))
}

func (c connectClient) authorize(ctx context.Context, r *authv1.AuthorizeRequest) (*authv1.AuthorizeResponse, error) {
	return message(c.auth.Authorize(ctx, connect.NewRequest(r)))
}

func (c connectClient) account(ctx context.Context, token string) (*authv1.GetAccountResponse, error) {
	request := connect.NewRequest(&authv1.GetAccountRequest{})
	if token != "" {
		request.Header().Set("authorization", "Bearer "+token)
	}
	return message(c.accounts.GetAccount(ctx, request))
}

func message[T any](response *connect.Response[T], err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
}

// refusal is what an error carries.
type refusal struct {
	code                     codes.Code
	reason, domain, nextStep string
	field                    string
}

// refusalOf takes an error of either library apart; the two number their codes alike.
func refusalOf(t *testing.T, err error) refusal {
	t.Helper()
	if err == nil {
		t.Fatal("the call succeeded, but was to be refused")
	}
	var told refusal
	var refused *connect.Error
	if errors.As(err, &refused) {
		told.code = codes.Code(refused.Code())
		for _, detail := range refused.Details() {
			value, err := detail.Value()
			if err != nil {
				t.Fatal(err)
			}
			told.read(value)
		}
		return told
	}
	told.code = status.Code(err)
	for _, detail := range status.Convert(err).Details() {
		if value, ok := detail.(proto.Message); ok {
			told.read(value)
		}
	}
	return told
}

func (r *refusal) read(detail proto.Message) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		r.reason, r.domain, r.nextStep = detail.Reason, detail.Domain, detail.Metadata["next_step"]
	case *errdetails.BadRequest:
		r.field = detail.FieldViolations[0].Field
	}
}
