package foreign

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	authv1 "sallyport.example/foreign/gen/sallyport/auth/v1"
)

// The servers behind TLS, the second of which lets in nobody without a certificate; the file of
// the authority of each, and the certificate of a service, which may list users.
const (
	tlsTarget    = "SALLYPORT_TEST_TLS_TARGET"
	tlsCa        = "SALLYPORT_TEST_TLS_CA"
	mutualTarget = "SALLYPORT_TEST_MUTUAL_TARGET"
	mutualCa     = "SALLYPORT_TEST_MUTUAL_CA"
	serviceCert  = "SALLYPORT_TEST_SERVICE_CERT"
	serviceKey   = "SALLYPORT_TEST_SERVICE_KEY"
)

// trusting believes the authority in the file that the variable names, and shows the certificates.
func trusting(t *testing.T, variable string, certificates ...tls.Certificate) *tls.Config {
	pem, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s names no certificate", variable)
	}
	return &tls.Config{RootCAs: pool, Certificates: certificates}
}

func service(t *testing.T) tls.Certificate {
	certificate, err := tls.LoadX509KeyPair(os.Getenv(serviceCert), os.Getenv(serviceKey))
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func dialTls(t *testing.T, address string, config *tls.Config) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// forEachTlsClient runs a test with every client, over TLS with this configuration.
func forEachTlsClient(t *testing.T, address string, config *tls.Config, test func(*testing.T, client)) {
	url := "https://" + address
	over := func() *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}}
	}
	t.Run("grpc-go", func(t *testing.T) { test(t, grpcClientOver(dialTls(t, address, config))) })
	t.Run("connect-go", func(t *testing.T) { test(t, connectClientOver(over(), url)) })
	t.Run("connect-go over gRPC", func(t *testing.T) { test(t, connectClientOver(over(), url, connect.WithGRPC())) })
	t.Run("connect-go over gRPC-Web", func(t *testing.T) { test(t, connectClientOver(over(), url, connect.WithGRPCWeb())) })
}

func TestSessionOverTls(t *testing.T) {
	forEachTlsClient(t, address(t, tlsTarget), trusting(t, tlsCa), session)
}

func TestSessionOverMutualTls(t *testing.T) {
	forEachTlsClient(t, address(t, mutualTarget), trusting(t, mutualCa, service(t)), session)
}

func TestNoSessionWithAStranger(t *testing.T) {
	refused := func(t *testing.T, c client) {
		_, err := c.authorize(t.Context(), &authv1.AuthorizeRequest{})
		// A server that hangs up in the middle of the handshake is either to connect-go, as the packets come.
		if code := refusalOf(t, err).code; code != codes.Unavailable && code != codes.Canceled {
			t.Errorf("got %v, want no connection", code)
		}
	}
	// The server is none that the client was told of; the client is none that the server was told of.
	forEachTlsClient(t, address(t, tlsTarget), trusting(t, mutualCa), refused)
	forEachTlsClient(t, address(t, mutualTarget), trusting(t, mutualCa), refused)
}

// The certificate stands for a service, which needs no other credential.
func TestServiceOverMutualTls(t *testing.T) {
	admin := authv1.NewAdminServiceClient(dialTls(t, address(t, mutualTarget), trusting(t, mutualCa, service(t))))
	if _, err := admin.ListUsers(t.Context(), &authv1.ListUsersRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err := admin.ListRoles(t.Context(), &authv1.ListRolesRequest{})
	expect(t, refusalOf(t, err).reason, "ERROR_REASON_PERMISSION_MISSING")
}
