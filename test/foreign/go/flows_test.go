package foreign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	authv1 "sallyport.example/foreign/gen/sallyport/auth/v1"
)

const (
	target     = "SALLYPORT_TEST_TARGET"
	slowTarget = "SALLYPORT_TEST_SLOW_TARGET"
	password   = "kites over the harbour"
)

var people atomic.Int64

// welcome signs somebody up and in.
func welcome(t *testing.T, c client) *authv1.LoginResponse {
	t.Helper()
	username := fmt.Sprintf("gopher%d", people.Add(1))
	if _, err := c.signup(t.Context(), &authv1.SignupRequest{Username: username, Password: password}); err != nil {
		t.Fatal(err)
	}
	tokens, err := c.login(t.Context(), &authv1.LoginRequest{Identifier: username, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// verdict is GRANTED and for whom, or why not and what to do.
func verdict(t *testing.T, c client, question *authv1.AuthorizeRequest) string {
	t.Helper()
	answer, err := c.authorize(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	if denied := answer.GetDenied(); denied != nil {
		missing := append(denied.MissingRoles, denied.MissingPermissions...)
		return fmt.Sprint(denied.Reason, " ", denied.NextStep, " ", missing)
	}
	return "GRANTED " + answer.GetGranted().GetPrincipal().GetUserId()
}

func expect[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSession(t *testing.T) {
	forEachClient(t, target, session)
}

// session is one from signup to logout.
func session(t *testing.T, c client) {
	tokens := welcome(t, c)
	access := tokens.AccessToken
	account, err := c.account(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, account.User.Username, tokens.User.Username)
	granted := "GRANTED " + tokens.User.Id
	expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: access, AnyRole: []string{"user"}}), granted)
	expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: access, AnyRole: []string{"admin"}}),
		"DENIAL_REASON_ROLE_MISSING NEXT_STEP_NONE [admin]")
	expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: access, AllPermissions: []string{"orders:read"}}),
		"DENIAL_REASON_PERMISSION_MISSING NEXT_STEP_NONE [orders:read]")
	expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: access, Audience: "orders"}),
		"DENIAL_REASON_AUDIENCE_MISMATCH NEXT_STEP_NONE []")
	ended, err := c.logout(t.Context(), &authv1.LogoutRequest{RefreshToken: tokens.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: access, MinRevision: ended.Revision}),
		"DENIAL_REASON_SESSION_REVOKED NEXT_STEP_LOG_IN []")
	_, err = c.refresh(t.Context(), &authv1.RefreshRequest{RefreshToken: tokens.RefreshToken})
	expect(t, refusalOf(t, err),
		refusal{codes.Unauthenticated, "ERROR_REASON_SESSION_ENDED", "sallyport", "NEXT_STEP_LOG_IN", ""})
}

func TestRefusals(t *testing.T) {
	forEachClient(t, target, func(t *testing.T, c client) {
		name := welcome(t, c).User.Username
		_, err := c.login(t.Context(), &authv1.LoginRequest{Identifier: name, Password: "not hers"})
		expect(t, refusalOf(t, err),
			refusal{codes.Unauthenticated, "ERROR_REASON_CREDENTIALS_INVALID", "sallyport", "NEXT_STEP_LOG_IN", ""})
		_, err = c.signup(t.Context(), &authv1.SignupRequest{Username: name, Password: password})
		expect(t, refusalOf(t, err), refusal{codes.AlreadyExists, "ERROR_REASON_USERNAME_TAKEN", "sallyport", "", ""})
		_, err = c.signup(t.Context(), &authv1.SignupRequest{Username: "shorty", Password: "short"})
		expect(t, refusalOf(t, err),
			refusal{codes.InvalidArgument, "ERROR_REASON_REQUEST_INVALID", "sallyport", "", "password"})
		_, err = c.signup(t.Context(), &authv1.SignupRequest{Username: "boss", Password: password, Roles: []string{"admin"}})
		expect(t, refusalOf(t, err),
			refusal{codes.PermissionDenied, "ERROR_REASON_ROLE_NOT_SELF_ASSIGNABLE", "sallyport", "", ""})
		_, err = c.account(t.Context(), "")
		expect(t, refusalOf(t, err),
			refusal{codes.Unauthenticated, "ERROR_REASON_TOKEN_MISSING", "sallyport", "NEXT_STEP_LOG_IN", ""})
		_, err = c.account(t.Context(), "made.up.token")
		expect(t, refusalOf(t, err),
			refusal{codes.Unauthenticated, "ERROR_REASON_TOKEN_INVALID", "sallyport", "NEXT_STEP_LOG_IN", ""})
	})
}

// Sixteen goroutines with one token: all get the same generation, and the session goes on from there.
func TestParallelRefresh(t *testing.T) {
	forEachClient(t, target, func(t *testing.T, c client) {
		tokens := welcome(t, c)
		var answers [16]*authv1.RefreshResponse
		var errs [16]error
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				answers[i], errs[i] = c.refresh(t.Context(), &authv1.RefreshRequest{RefreshToken: tokens.RefreshToken})
			})
		}
		all.Wait()
		for i, answer := range answers {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			expect(t, generation(t, answer.RefreshToken), generation(t, tokens.RefreshToken)+1)
			expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: answer.AccessToken}), "GRANTED "+tokens.User.Id)
		}
		next, err := c.refresh(t.Context(), &authv1.RefreshRequest{RefreshToken: answers[7].RefreshToken})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, generation(t, next.RefreshToken), generation(t, tokens.RefreshToken)+2)
	})
}

func generation(t *testing.T, refreshToken string) int {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(refreshToken, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Gen int }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Gen
}

// A password check on the slow server takes longer than the caller waits.
func TestDeadlineAndCancel(t *testing.T) {
	forEachClient(t, slowTarget, func(t *testing.T, c client) {
		somebody := &authv1.LoginRequest{Identifier: "nobody", Password: password}
		hurried, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer stop()
		_, err := c.login(hurried, somebody)
		expect(t, refusalOf(t, err).code, codes.DeadlineExceeded)
		impatient, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err = c.login(impatient, somebody)
		expect(t, refusalOf(t, err).code, codes.Canceled)
		// Nobody else has to wait for what nobody waits for.
		expect(t, verdict(t, c, &authv1.AuthorizeRequest{AccessToken: "made.up.token"}),
			"DENIAL_REASON_TOKEN_INVALID NEXT_STEP_LOG_IN []")
	})
}
