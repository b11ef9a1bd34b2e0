/** Clients of the contract, over every form that it takes on the wire. */
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";

type TransportOptions = { readonly baseUrl: string; readonly interceptors?: Interceptor[] };

/** Every protocol over every version of HTTP that can carry it. */
export const WIRE_FORMS: readonly {
  readonly name: string;
  readonly transport: (options: TransportOptions) => Transport;
}[] = [
  {
    name: "Connect JSON over HTTP/1.1",
    transport: (options) => createConnectTransport({ ...options, httpVersion: "1.1" }),
  },
  {
    name: "Connect binary over HTTP/1.1",
    transport: (options) => createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: true }),
  },
  {
    name: "Connect JSON over HTTP/2",
    transport: (options) => createConnectTransport({ ...options, httpVersion: "2" }),
  },
  {
    name: "Connect binary over HTTP/2",
    transport: (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true }),
  },
  { name: "gRPC over HTTP/2", transport: (options) => createGrpcTransport(options) },
  {
    name: "gRPC-Web over HTTP/1.1",
    transport: (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  },
  { name: "gRPC-Web over HTTP/2", transport: (options) => createGrpcWebTransport({ ...options, httpVersion: "2" }) },
];

/** The services, called without a credential or with the access token given. */
export type Clients = {
  readonly auth: Client<typeof AuthService>;
  readonly account: Client<typeof AccountService>;
  readonly admin: Client<typeof AdminService>;
};

/** Clients over a transport: Connect JSON over HTTP/1.1 unless another is named. */
export function clientsOf(baseUrl: string, accessToken = "", transport = WIRE_FORMS[0]?.transport): Clients {
  if (transport === undefined) throw new Error("no transport");
  const authorize: Interceptor = (next) => (request) => {
    if (accessToken !== "") request.header.set("authorization", `Bearer ${accessToken}`);
    return next(request);
  };
  const over = transport({ baseUrl, interceptors: [authorize] });
  return {
    auth: createClient(AuthService, over),
    account: createClient(AccountService, over),
    admin: createClient(AdminService, over),
  };
}
