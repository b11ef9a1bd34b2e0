/** Calls of ours, as bytes: the same question in every protocol. */
import { create, type DescMessage, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  AuthorizeRequestSchema,
  LoginRequestSchema,
  LogoutRequestSchema,
  RefreshRequestSchema,
  SignupRequestSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Acceptance, Target } from "../driver/job.ts";

/** Where a question goes is told when it is asked. */
export type Question = Omit<Target, "pid" | "port">;

/** How questions travel. */
export type Manner = "grpc" | "grpc-web" | "connect" | "connect-json";

const SERVICE = "/sallyport.auth.v1.AuthService";
const HEADERS: Readonly<Record<Manner, Readonly<Record<string, string>>>> = {
  // What grpc-js sends.
  grpc: {
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "grpc-node-js/1.14.7",
    "grpc-accept-encoding": "identity,deflate,gzip",
    "accept-encoding": "identity",
  },
  "grpc-web": { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "x-user-agent": "connect-es/2.2.0" },
  connect: { "content-type": "application/proto", "connect-protocol-version": "1", "user-agent": "connect-es/2.2.0" },
  "connect-json": {
    "content-type": "application/json",
    "connect-protocol-version": "1",
    "user-agent": "connect-es/2.2.0",
  },
};
/** In front of a message: no compression, and its length. */
const PREFIX_LENGTH = 5;
/** Of the first field of an answer: `granted`, `access_token`. */
const FIRST_FIELD = 0x0a;

/** `Authorize` for these tokens, each in turn. */
export function authorizeQuestion(manner: Manner, tokens: readonly string[], eachOnce = false): Question {
  return question(
    manner,
    "Authorize",
    AuthorizeRequestSchema,
    eachOnce,
    tokens.map((accessToken) => ({ accessToken })),
  );
}

/** `Login` for these users, each in turn. */
export function loginQuestion(
  usernames: readonly string[],
  password: string,
  status: "grpc" | "grpc-or-busy" = "grpc",
): Question {
  const logins = usernames.map((identifier) => ({ identifier, password }));
  const asked = question("grpc", "Login", LoginRequestSchema, false, logins);
  return { ...asked, accept: { ...asked.accept, status } };
}

/** `Refresh` with these tokens, each once. */
export function refreshQuestion(tokens: readonly string[]): Question {
  return question(
    "grpc",
    "Refresh",
    RefreshRequestSchema,
    true,
    tokens.map((refreshToken) => ({ refreshToken })),
  );
}

/** `Signup` under these names, each once. */
export function signupQuestion(usernames: readonly string[], password: string): Question {
  return question(
    "grpc",
    "Signup",
    SignupRequestSchema,
    true,
    usernames.map((username) => ({ username, password })),
  );
}

/** `Logout` with these tokens, each once. */
export function logoutQuestion(tokens: readonly string[]): Question {
  return question(
    "grpc",
    "Logout",
    LogoutRequestSchema,
    true,
    tokens.map((refreshToken) => ({ refreshToken })),
  );
}

/** Any of our calls, of whatever is in `messages`. */
export function question<Schema extends DescMessage>(
  manner: Manner,
  method: string,
  schema: Schema,
  eachOnce: boolean,
  messages: readonly MessageInitShape<Schema>[],
): Question {
  return {
    transport: manner === "grpc" || manner === "connect" ? "h2" : "h1",
    method: "POST",
    path: `${SERVICE}/${method}`,
    headers: HEADERS[manner],
    bodies: messages.map((message) => encode(manner, schema, create(schema, message))),
    eachOnce,
    accept: acceptance(manner),
  };
}

function encode<Schema extends DescMessage>(
  manner: Manner,
  schema: Schema,
  message: ReturnType<typeof create<Schema>>,
): Buffer {
  if (manner === "connect-json") return Buffer.from(toJsonString(schema, message));
  const bytes = toBinary(schema, message);
  if (manner === "connect") return Buffer.from(bytes);
  const prefix = Buffer.alloc(PREFIX_LENGTH);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** The call went well, and what is answered begins with what the caller wants to hear. */
function acceptance(manner: Manner): Acceptance {
  if (manner === "connect-json") return { status: "http", bytes: Buffer.from('{"granted":'), at: 0 };
  if (manner === "connect") return { status: "http", bytes: Buffer.from([FIRST_FIELD]), at: 0 };
  return { status: manner, bytes: Buffer.from([FIRST_FIELD]), at: PREFIX_LENGTH };
}
