/** The forms in which a unary call of the common kind may come, and calls in them. */
import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { AuthorizeRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Sending } from "./agreement-send.ts";
import { envelope } from "./wire-raw.ts";

/** One protocol in one encoding over one version of HTTP. */
export type Form = {
  readonly name: string;
  readonly version: 1 | 2;
  readonly contentType: string;
  readonly isJson: boolean;
  /** Whether a message goes behind a prefix with its length. */
  readonly isFramed: boolean;
};

function forms(protocol: string, contentType: string, versions: readonly (1 | 2)[]): Form[] {
  const isFramed = contentType.startsWith("application/grpc") || contentType.startsWith("application/connect+");
  const isJson = contentType.includes("json");
  return versions.map((version) => ({
    name: `${protocol} over HTTP/${version === 1 ? "1.1" : "2"}`,
    version,
    contentType,
    isJson,
    isFramed,
  }));
}

/** What the lean adapter takes. */
export const FORMS: readonly Form[] = [
  ...forms("gRPC", "application/grpc", [2]),
  ...forms("gRPC-Web", "application/grpc-web+proto", [1, 2]),
  ...forms("Connect JSON", "application/json", [1, 2]),
  ...forms("Connect binary", "application/proto", [1, 2]),
];

/** Other spellings, and what only the library takes. */
export const OTHER_FORMS: readonly Form[] = [
  "application/grpc",
  "application/grpc+proto",
  "application/grpc+json",
  "application/grpc;charset=utf-8",
  "application/grpc-web",
  "application/grpc-web+json",
  "application/grpc-web-text",
  "application/grpc-web-text+proto",
  "application/json; charset=utf-8",
  "application/json;charset=utf-8",
  "application/json; charset=UTF-8",
  "application/json; charset=latin1",
  "APPLICATION/JSON",
  "application/proto; charset=utf-8",
  "application/connect+json",
  "application/connect+proto",
  "application/x-protobuf",
  "text/plain",
].flatMap((contentType) => forms(contentType, contentType, [1, 2]));

/** The path of the RPC that is called. */
export const PATH = "/sallyport.auth.v1.AuthService/Authorize";

/** What a call may be told to be. */
export type Asked = {
  readonly headers?: Sending["headers"];
  readonly message?: MessageInitShape<typeof AuthorizeRequestSchema>;
} & Partial<Pick<Sending, "method" | "path" | "ending" | "length" | "isLogged">>;

/** A well-formed call, whose handler does what `audience` says. */
export function callOf(form: Form, audience: string, asked: Asked = {}): Sending {
  const { message = {}, ...rest } = asked;
  return withBody(form, [bodyOf(form, { audience, anyRole: ["a", "ä"], ...message })], rest);
}

/** A call with exactly this body. */
export function withBody(form: Form, pieces: readonly Uint8Array[], asked: Omit<Asked, "message"> = {}): Sending {
  const { headers = [], ...rest } = asked;
  const common = [
    ["content-type", form.contentType],
    ...(form.version === 2 ? [["te", "trailers"] as const] : []),
  ] as const;
  return {
    version: form.version,
    method: "POST",
    path: PATH,
    ending: "end",
    ...rest,
    headers: [...common.map(([name = "", value = ""]) => [name, value] as const), ...headers],
    pieces,
  };
}

/** The body of a call with this message. */
export function bodyOf(form: Form, init: MessageInitShape<typeof AuthorizeRequestSchema>): Buffer {
  const bytes = messageOf(form, init);
  return form.isFramed ? envelope(bytes) : bytes;
}

/** A message without a frame. */
export function messageOf({ isJson }: Form, init: MessageInitShape<typeof AuthorizeRequestSchema>): Buffer {
  const message = create(AuthorizeRequestSchema, init);
  return Buffer.from(
    isJson ? toJsonString(AuthorizeRequestSchema, message) : toBinary(AuthorizeRequestSchema, message),
  );
}
