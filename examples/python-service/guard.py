"""Lets gRPC calls pass by the access rules in the protos, as Sallyport decides."""

import contextvars
import logging
import re

import grpc
from google.protobuf import any_pb2, descriptor_pool, duration_pb2, unknown_fields
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from sallyport.access.v1 import access_pb2
from sallyport.auth.v1 import auth_service_pb2, decision_pb2

# How long a caller waits for Sallyport at most, in seconds.
PATIENCE = 2
# How old Sallyport's knowledge of logouts and roles may be; older knowledge is no answer.
MAX_STALENESS = duration_pb2.Duration(seconds=10)
# Longer tokens are not looked at.
MAX_TOKEN_BYTES = 8192
BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
FORBIDDEN = (decision_pb2.DENIAL_REASON_ROLE_MISSING, decision_pb2.DENIAL_REASON_PERMISSION_MISSING)

# Who calls, for the handler; None behind a public rule.
principal = contextvars.ContextVar("principal", default=None)


class Guard(grpc.ServerInterceptor):
    """Starts from "deny": a method without a rule that can stand keeps it from being made, an unknown one is refused."""

    def __init__(self, auth, api_key, audience, services):
        """Reads the rules of the services, given by their full names. The API key may be empty where anyone may ask."""
        self.auth = auth
        self.metadata = [("authorization", f"Bearer {api_key}")] if api_key else []
        self.audience = audience
        self.rules = {}
        faults = []
        for name in services:
            for method in descriptor_pool.Default().FindServiceByName(name).methods:
                rule = self.rules[f"/{name}/{method.name}"] = rule_of(method)
                fault = "has no access rule" if rule is None else fault_of(rule)
                if fault is not None:
                    faults.append(f"{method.full_name} {fault}")
        if faults:
            raise ValueError("\n".join(faults))

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if handler is None:
            return None
        if handler.response_streaming:
            kind = "stream_stream" if handler.request_streaming else "unary_stream"
        else:
            kind = "stream_unary" if handler.request_streaming else "unary_unary"
        behavior = getattr(handler, kind)

        # Within the handler's thread, so that waiting for Sallyport keeps no other call waiting.
        def answer(request, context):
            principal.set(self.admit(details, context))
            return behavior(request, context)

        def answer_each(request, context):
            principal.set(self.admit(details, context))
            yield from behavior(request, context)

        make = getattr(grpc, f"{kind}_rpc_method_handler")
        guarded = answer_each if handler.response_streaming else answer
        return make(guarded, handler.request_deserializer, handler.response_serializer)

    def admit(self, details, context):
        """Who calls, if that may pass; ends the call if not."""
        rule = self.rules.get(details.method)
        if rule is None:
            refuse(context, grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_MISSING", "this RPC is closed")
        token = token_in(details, context)
        if rule.public:
            return None
        question = auth_service_pb2.AuthorizeRequest(
            access_token=token,
            audience=self.audience,
            any_role=rule.any_role,
            all_permissions=rule.all_permissions,
            max_auth_age=rule.max_auth_age if rule.HasField("max_auth_age") else None,
            max_staleness=MAX_STALENESS,
        )
        try:
            answer = self.auth.Authorize(question, metadata=self.metadata, timeout=PATIENCE)
        except grpc.RpcError as error:
            # Whatever is wrong between this service and Sallyport, the caller is not to log in for it.
            logging.warning("sallyport does not answer: %s", error.code())
            refuse(context, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "nobody can tell who calls; wait and retry")
        if answer.HasField("granted"):
            return answer.granted.principal
        if answer.HasField("denied"):
            deny(context, answer.denied)
        refuse(context, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "the answer of sallyport is not understood")


def rule_of(method):
    """The method's own rule, else the default of its service, else None."""
    own, default = method.GetOptions(), method.containing_service.GetOptions()
    if own.HasExtension(access_pb2.rule):
        return own.Extensions[access_pb2.rule]
    if default.HasExtension(access_pb2.default_rule):
        return default.Extensions[access_pb2.default_rule]
    return None


def fault_of(rule):
    """Why the rule cannot be taken at its word, or None. What contradicts itself is refused, for one half of it would
    open what the other half closes."""
    asks = rule.authenticated or rule.any_role or rule.all_permissions or rule.HasField("max_auth_age")
    # Whichever it is, Sallyport is asked about each call.
    known = rule.freshness in access_pb2.Freshness.values()
    if len(unknown_fields.UnknownFieldSet(rule)) > 0 or not known:
        return "has an access rule that states what this version does not know"
    if rule.public and asks:
        return "has an access rule that is public and states something else"
    if not rule.public and not asks:
        return "has an access rule that says nothing"
    if rule.HasField("max_auth_age") and rule.max_auth_age.ToNanoseconds() <= 0:
        return "has an access rule whose max_auth_age is not above zero"
    if any(len(set(names)) < len(names) for names in (rule.any_role, rule.all_permissions)):
        return "has an access rule that names something twice"
    return None


def token_in(details, context):
    """The token in the call's metadata; empty if there is none."""
    headers = [value for name, value in details.invocation_metadata if name == "authorization"]
    if not headers:
        return ""
    found = BEARER.fullmatch(headers[0])
    if len(headers) > 1 or found is None or len(found[1]) > MAX_TOKEN_BYTES:
        refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "AUTHORIZATION_MALFORMED", "send one bearer token")
    return found[1]


def deny(context, denied):
    """Tells an answer of Sallyport in the words of its own RPCs: every reason to deny is a reason of an error."""
    reason = name_in(decision_pb2.DenialReason, denied.reason, "DENIAL_REASON_TOKEN_INVALID")
    step = name_in(decision_pb2.NextStep, denied.next_step, "NEXT_STEP_NONE")
    reason = reason.removeprefix("DENIAL_REASON_")
    if denied.reason in FORBIDDEN:
        refuse(context, grpc.StatusCode.PERMISSION_DENIED, reason, "this account may not do that", step)
    refuse(context, grpc.StatusCode.UNAUTHENTICATED, reason, "this token does not do", step)


def name_in(enum, value, otherwise):
    """The name of a value, which a newer Sallyport may have and these protos may not."""
    return enum.Name(value) if value in enum.values() else otherwise


def refuse(context, code, reason, message, step="NEXT_STEP_NONE"):
    """Ends the call; never returns."""
    info = error_details_pb2.ErrorInfo(reason=f"ERROR_REASON_{reason}", domain="sallyport")
    if step != "NEXT_STEP_NONE":
        info.metadata["next_step"] = step
    detail = any_pb2.Any()
    detail.Pack(info)
    status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
    context.abort_with_status(rpc_status.to_status(status))
