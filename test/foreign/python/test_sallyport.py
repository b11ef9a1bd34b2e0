"""Calls Sallyport as a Python backend does, with grpcio and its companions.

The stubs are made from the proto tree when the tests are run; they are not kept.
"""

import base64
import concurrent.futures
import itertools
import json
import os
import unittest

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status
from sallyport.auth.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    auth_service_pb2,
    auth_service_pb2_grpc,
    decision_pb2,
)

PASSWORD = "kites over the harbour"
AUTH = "sallyport.auth.v1.AuthService"
numbers = itertools.count()


class SallyportTest(unittest.TestCase):
    def setUp(self):
        self.channel = self.connect("SALLYPORT_TEST_TARGET")
        self.auth = auth_service_pb2_grpc.AuthServiceStub(self.channel)
        self.accounts = account_service_pb2_grpc.AccountServiceStub(self.channel)

    def connect(self, variable):
        channel = grpc.insecure_channel(os.environ[variable])
        self.addCleanup(channel.close)
        return channel

    def welcome(self):
        username = f"pythonista{next(numbers)}"
        self.auth.Signup(auth_service_pb2.SignupRequest(username=username, password=PASSWORD))
        return self.auth.Login(auth_service_pb2.LoginRequest(identifier=username, password=PASSWORD))

    def decide(self, access_token, **question):
        request = auth_service_pb2.AuthorizeRequest(access_token=access_token, **question)
        return self.auth.Authorize(request)

    def refusal(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        told = {"code": caught.exception.code()}
        status = rpc_status.from_call(caught.exception)
        for detail in status.details if status else []:
            for kind in (error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()):
                if detail.Unpack(kind):
                    told[kind.DESCRIPTOR.name] = kind
        return told

    def test_a_session_from_signup_to_logout(self):
        tokens = self.welcome()
        bearer = [("authorization", f"Bearer {tokens.access_token}")]
        account = self.accounts.GetAccount(account_service_pb2.GetAccountRequest(), metadata=bearer)
        self.assertEqual(account.user, tokens.user)
        granted = self.decide(tokens.access_token, any_role=["user"])
        self.assertEqual(granted.granted.principal.user_id, tokens.user.id)
        denied = self.decide(tokens.access_token, all_permissions=["orders:read"]).denied
        self.assertEqual(denied.reason, decision_pb2.DENIAL_REASON_PERMISSION_MISSING)
        self.assertEqual(denied.missing_permissions, ["orders:read"])
        ended = self.auth.Logout(auth_service_pb2.LogoutRequest(refresh_token=tokens.refresh_token))
        denied = self.decide(tokens.access_token, min_revision=ended.revision).denied
        self.assertEqual(denied.reason, decision_pb2.DENIAL_REASON_SESSION_REVOKED)
        self.assertEqual(denied.next_step, decision_pb2.NEXT_STEP_LOG_IN)

    def test_a_wrong_password_and_a_missing_token_say_what_to_do(self):
        name = self.welcome().user.username
        wrong = auth_service_pb2.LoginRequest(identifier=name, password="not hers")
        nobody = account_service_pb2.GetAccountRequest()
        for call, reason in (
            (lambda: self.auth.Login(wrong), "ERROR_REASON_CREDENTIALS_INVALID"),
            (lambda: self.accounts.GetAccount(nobody), "ERROR_REASON_TOKEN_MISSING"),
        ):
            told = self.refusal(call)
            self.assertEqual(told["code"], grpc.StatusCode.UNAUTHENTICATED)
            self.assertEqual(told["ErrorInfo"].reason, reason)
            self.assertEqual(told["ErrorInfo"].domain, "sallyport")
            self.assertEqual(told["ErrorInfo"].metadata["next_step"], "NEXT_STEP_LOG_IN")

    def test_bad_input_names_its_field(self):
        short = auth_service_pb2.SignupRequest(username="shorty", password="short")
        told = self.refusal(lambda: self.auth.Signup(short))
        self.assertEqual(told["code"], grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual([v.field for v in told["BadRequest"].field_violations], ["password"])

    def test_two_authorization_headers_are_refused(self):
        bearer = ("authorization", f"Bearer {self.welcome().access_token}")
        request = account_service_pb2.GetAccountRequest()
        told = self.refusal(lambda: self.accounts.GetAccount(request, metadata=[bearer, bearer]))
        self.assertEqual(told["code"], grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(told["ErrorInfo"].reason, "ERROR_REASON_AUTHORIZATION_MALFORMED")

    def test_sixteen_threads_refresh_with_one_token_and_stay_on_one_branch(self):
        token = self.welcome().refresh_token
        request = auth_service_pb2.RefreshRequest(refresh_token=token)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.auth.Refresh(request), range(16)))
        self.assertEqual({generation(a.refresh_token) for a in answers}, {generation(token) + 1})
        for answer in answers:
            self.assertEqual(self.decide(answer.access_token).WhichOneof("decision"), "granted")
        last = auth_service_pb2.RefreshRequest(refresh_token=answers[7].refresh_token)
        self.assertEqual(generation(self.auth.Refresh(last).refresh_token), generation(token) + 2)

    def test_a_deadline_and_a_cancelled_call_end_the_wait(self):
        slow = auth_service_pb2_grpc.AuthServiceStub(self.connect("SALLYPORT_TEST_SLOW_TARGET"))
        request = auth_service_pb2.LoginRequest(identifier="nobody", password=PASSWORD)
        told = self.refusal(lambda: slow.Login(request, timeout=0.2))
        self.assertEqual(told["code"], grpc.StatusCode.DEADLINE_EXCEEDED)
        call = slow.Login.future(request)
        call.cancel()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        answer = slow.Authorize(auth_service_pb2.AuthorizeRequest(access_token="made.up.token"))
        self.assertEqual(answer.denied.reason, decision_pb2.DENIAL_REASON_TOKEN_INVALID)

    def test_the_stock_health_client_is_answered(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", AUTH):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        unknown = health_pb2.HealthCheckRequest(service="nobody.v1.Nothing")
        self.assertEqual(self.refusal(lambda: health.Check(unknown))["code"], grpc.StatusCode.NOT_FOUND)

    def test_the_stock_reflection_client_finds_the_contract(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertIn(AUTH, database.get_services())
        file = database.FindFileContainingSymbol(AUTH)
        self.assertEqual(file.name, "sallyport/auth/v1/auth_service.proto")
        self.assertIn("Authorize", [method.name for method in file.service[0].method])
        with self.assertRaises(KeyError):
            database.FindFileContainingSymbol("nobody.v1.Nothing")


def generation(refresh_token):
    payload = refresh_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["gen"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
