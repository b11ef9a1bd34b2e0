/** What strangers write against the package. */

/** A program as a backend's author writes it. */
export const CLIENT = `
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService, type LoginResponse } from "sallyport/gen/sallyport/auth/v1/auth_service_pb.js";
import { DenialReason } from "sallyport/gen/sallyport/auth/v1/decision_pb.js";

const auth = createClient(AuthService, createGrpcTransport({ baseUrl: process.argv[2] ?? "" }));
const { user } = await auth.signup({ username: "grace", password: "kites over the harbour" });
const tokens: LoginResponse = await auth.login({ identifier: "grace", password: "kites over the harbour" });
const { decision } = await auth.authorize({ accessToken: tokens.accessToken, allPermissions: ["orders:read"] });
const lacks = decision.case === "denied" && decision.value.reason === DenialReason.PERMISSION_MISSING;
console.log(user?.username, tokens.user?.id === user?.id, lacks);
`;

/** A program of somebody who is signed in, run twice on one file: the second time it needs no password. */
export const PERSON = `
import { createConnectTransport } from "@connectrpc/connect-node";
import { createSallyportClient, type Session, type SessionChange } from "sallyport/client";
import { createFileStore } from "sallyport/client/node";

const transport = createConnectTransport({ baseUrl: process.argv[2] ?? "", httpVersion: "2" });
const client = createSallyportClient({ transport, store: createFileStore({ path: "session" }) });
client.onChange((change: SessionChange) => console.log(change.kind));
const password = "kites over the harbour";
const before: Session | null = await client.session();
if (before === null) {
  await client.signup({ username: "hedy", password });
  await client.login({ identifier: "hedy", password });
}
const { user } = await client.account.getAccount({});
console.log(user?.username);
if (before !== null) await client.logout();
`;

/** The proto of somebody else's service, guarded by our option. */
export const ORDERS = `
syntax = "proto3";
package orders.v1;
import "sallyport/access/v1/access.proto";
service OrderService {
  option (sallyport.access.v1.default_rule) = {any_role: ["clerk"]};
  rpc GetOrder(GetOrderRequest) returns (GetOrderResponse);
}
message GetOrderRequest {}
message GetOrderResponse {}
`;

/** What reads the rule of that proto from the code that was generated for it. */
export const GUARDED = `
import { getOption } from "@bufbuild/protobuf";
import { default_rule } from "sallyport/gen/sallyport/access/v1/access_pb.js";
import { OrderService } from "./gen/orders_pb.ts";

console.log(getOption(OrderService, default_rule).anyRole.join());
`;
