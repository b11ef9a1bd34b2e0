/**
 * A page that signs people up and in, of the plain kind: its tokens are in
 * localStorage, and each tab goes on with those that it found when it was opened.
 * `?api=` names the server, `&protocol=grpcweb` takes gRPC-Web instead of Connect.
 */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { AccountService } from "../../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AuthService } from "../../../gen/sallyport/auth/v1/auth_service_pb.ts";

type Tokens = { readonly accessToken: string; readonly refreshToken: string };
type Element = { value: string; textContent: string; onclick: () => void };

// The rest of the checkout has no document; what this page needs of it is little.
declare const document: { getElementById(id: string): Element | null };
declare const location: { readonly href: string };

const { searchParams } = new URL(location.href);
const baseUrl = searchParams.get("api") ?? "";
const createTransport = searchParams.get("protocol") === "grpcweb" ? createGrpcWebTransport : createConnectTransport;
const transport = createTransport({ baseUrl });
const auth = createClient(AuthService, transport);
const accounts = createClient(AccountService, transport);

let tokens: Tokens | null = JSON.parse(localStorage.getItem("tokens") ?? "null");

/** What each button does; what it returns is shown. */
const ACTIONS: Readonly<Record<string, () => Promise<string>>> = {
  async signup() {
    let requestId = "";
    const onHeader = (headers: Headers) => {
      requestId = headers.get("x-request-id") ?? "hidden";
    };
    const { user } = await auth.signup(
      { username: typedInto("username"), password: typedInto("password") },
      { onHeader },
    );
    return `signed up ${user?.username} by request ${requestId}`;
  },
  async login() {
    const answer = await auth.login({ identifier: typedInto("username"), password: typedInto("password") });
    keep(answer);
    return `logged in ${answer.user?.username}`;
  },
  async account() {
    const headers = { authorization: `Bearer ${tokens?.accessToken}` };
    const { user } = await accounts.getAccount({}, { headers });
    return `this is ${user?.username}`;
  },
  async refresh() {
    const answer = await auth.refresh({ refreshToken: tokens?.refreshToken ?? "" });
    keep(answer);
    return `refreshed ${answer.user?.username}`;
  },
  async logout() {
    await auth.logout({ refreshToken: tokens?.refreshToken ?? "" });
    return "logged out";
  },
};

for (const [name, act] of Object.entries(ACTIONS)) {
  element(name).onclick = () => {
    element("said").textContent = "…";
    act().then(say, (error: unknown) => say(explain(ConnectError.from(error))));
  };
}

function keep({ accessToken, refreshToken }: Tokens): void {
  tokens = { accessToken, refreshToken };
  localStorage.setItem("tokens", JSON.stringify(tokens));
}

function explain(error: ConnectError): string {
  const [info] = error.findDetails(ErrorInfoSchema);
  return `refused: ${Code[error.code]} ${info?.reason ?? error.rawMessage}`;
}

function say(text: string): void {
  element("said").textContent = text;
}

function typedInto(id: string): string {
  return element(id).value;
}

function element(id: string): Element {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`there is no #${id}`);
  return found;
}
