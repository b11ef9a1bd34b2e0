package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "sallyport.example/orders/gen/sallyport/access/v1"
	authv1 "sallyport.example/orders/gen/sallyport/auth/v1"
)

const (
	// How long a caller waits for Sallyport at most.
	patience = 2 * time.Second
	// How old Sallyport's knowledge of logouts and roles may be; older knowledge is no answer.
	maxStaleness = 10 * time.Second
	// Longer tokens are not looked at.
	maxTokenBytes = 8192
)

var bearer = regexp.MustCompile(`^(?i:bearer) +([A-Za-z0-9._~+/-]+=*)$`)

// Guard lets calls pass by the access rules in the protos. It starts from "deny": a method without a rule that can
// stand keeps it from being made, and one that it does not know is refused.
type Guard struct {
	auth     authv1.AuthServiceClient
	apiKey   string
	audience string
	rules    map[string]*accessv1.AccessRule
}

// NewGuard reads the rules of the services. The API key makes this service known to Sallyport; it may be empty where
// anyone may ask.
func NewGuard(auth authv1.AuthServiceClient, apiKey, audience string, services ...*grpc.ServiceDesc) (*Guard, error) {
	rules := map[string]*accessv1.AccessRule{}
	var faults []error
	for _, service := range services {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.ServiceName))
		if err != nil {
			return nil, err
		}
		descriptor, ok := found.(protoreflect.ServiceDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is no service", service.ServiceName)
		}
		for i := range descriptor.Methods().Len() {
			method := descriptor.Methods().Get(i)
			rule, err := ruleOf(method)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s %w", method.FullName(), err))
			}
			rules[fmt.Sprintf("/%s/%s", descriptor.FullName(), method.Name())] = rule
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &Guard{auth, apiKey, audience, rules}, nil
}

// ruleOf is the method's own rule, else the default of its service.
func ruleOf(method protoreflect.MethodDescriptor) (*accessv1.AccessRule, error) {
	options, extension := method.Options(), accessv1.E_Rule
	if !proto.HasExtension(options, extension) {
		options, extension = method.Parent().Options(), accessv1.E_DefaultRule
	}
	rule, _ := proto.GetExtension(options, extension).(*accessv1.AccessRule)
	if rule == nil {
		return nil, errors.New("has no access rule")
	}
	if fault := faultOf(rule); fault != "" {
		return nil, fmt.Errorf("has an access rule %s", fault)
	}
	return rule, nil
}

// faultOf is why the rule cannot be taken at its word; empty if it can. What contradicts itself is refused, for one
// half of it would open what the other half closes.
func faultOf(rule *accessv1.AccessRule) string {
	asks := rule.Authenticated || len(rule.AnyRole) > 0 || len(rule.AllPermissions) > 0 || rule.MaxAuthAge != nil
	// Whichever it is, Sallyport is asked about each call.
	_, known := accessv1.Freshness_name[int32(rule.Freshness)]
	switch {
	case len(rule.ProtoReflect().GetUnknown()) > 0 || !known:
		return "that states what this version does not know"
	case rule.Public && asks:
		return "that is public and states something else"
	case !rule.Public && !asks:
		return "that says nothing"
	case rule.MaxAuthAge != nil && rule.MaxAuthAge.AsDuration() <= 0:
		return "whose max_auth_age is not above zero"
	case repeats(rule.AnyRole) || repeats(rule.AllPermissions):
		return "that names something twice"
	}
	return ""
}

func repeats(names []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names)
}

type principalKey struct{}

// PrincipalOf is who calls; nil behind a public rule.
func PrincipalOf(ctx context.Context) *authv1.Principal {
	principal, _ := ctx.Value(principalKey{}).(*authv1.Principal)
	return principal
}

// Unary guards calls with one answer.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, request)
}

// Stream guards streams, as they begin.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := g.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(server, &admitted{stream, ctx})
}

type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *admitted) Context() context.Context { return s.ctx }

func (g *Guard) admit(ctx context.Context, method string) (context.Context, error) {
	rule := g.rules[method]
	if rule == nil {
		return nil, refusal(codes.PermissionDenied, "PERMISSION_MISSING", "NONE", "this RPC is closed")
	}
	token, err := tokenIn(ctx)
	if err != nil || rule.Public {
		return ctx, err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if g.apiKey != "" {
		asking = metadata.AppendToOutgoingContext(asking, "authorization", "Bearer "+g.apiKey)
	}
	answer, err := g.auth.Authorize(asking, &authv1.AuthorizeRequest{
		AccessToken:    token,
		Audience:       g.audience,
		AnyRole:        rule.AnyRole,
		AllPermissions: rule.AllPermissions,
		MaxAuthAge:     rule.MaxAuthAge,
		MaxStaleness:   durationpb.New(maxStaleness),
	})
	switch {
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case err != nil:
		// Whatever is wrong between this service and Sallyport, the caller is not to log in for it.
		log.Printf("sallyport does not answer: %v", status.Code(err))
		return nil, refusal(codes.Unavailable, "UNAVAILABLE", "NONE", "nobody can tell who calls; wait and retry")
	case answer.GetGranted() != nil:
		return context.WithValue(ctx, principalKey{}, answer.GetGranted().GetPrincipal()), nil
	case answer.GetDenied() != nil:
		return nil, denial(answer.GetDenied())
	}
	return nil, refusal(codes.Unavailable, "UNAVAILABLE", "NONE", "the answer of sallyport is not understood")
}

// tokenIn is the token in the call's metadata; empty if there is none.
func tokenIn(ctx context.Context) (string, error) {
	headers := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(headers) == 0 {
		return "", nil
	}
	found := bearer.FindStringSubmatch(headers[0])
	if len(headers) > 1 || found == nil || len(found[1]) > maxTokenBytes {
		return "", refusal(codes.InvalidArgument, "AUTHORIZATION_MALFORMED", "NONE", "send one bearer token")
	}
	return found[1], nil
}

// denial is an answer of Sallyport in the words that its own RPCs use: every reason to deny is a reason of an error.
func denial(denied *authv1.Denied) error {
	reason := strings.TrimPrefix(denied.Reason.String(), "DENIAL_REASON_")
	step := strings.TrimPrefix(denied.NextStep.String(), "NEXT_STEP_")
	switch denied.Reason {
	case authv1.DenialReason_DENIAL_REASON_ROLE_MISSING, authv1.DenialReason_DENIAL_REASON_PERMISSION_MISSING:
		return refusal(codes.PermissionDenied, reason, step, "this account may not do that")
	}
	return refusal(codes.Unauthenticated, reason, step, "this token does not do")
}

func refusal(code codes.Code, reason, nextStep, message string) error {
	info := &errdetails.ErrorInfo{Reason: "ERROR_REASON_" + reason, Domain: "sallyport"}
	if nextStep != "NONE" {
		info.Metadata = map[string]string{"next_step": "NEXT_STEP_" + nextStep}
	}
	told, err := status.New(code, message).WithDetails(info)
	if err != nil {
		return status.Error(code, message)
	}
	return told.Err()
}
