/** Unary calls whose bytes the test itself writes and reads, over every form that the contract takes on the wire. */
import type { ClientHttp2Session } from "node:http2";
import { type DescMethod, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { type Answer, ask1, ask2, envelope, session2 } from "./wire-raw.ts";

/** One protocol in one encoding over one version of HTTP. */
export type RawForm = {
  readonly name: string;
  readonly ask: typeof ask2;
  readonly contentType: string;
  readonly isJson: boolean;
  /** Whether a message goes behind a prefix with its length. */
  readonly isFramed: boolean;
};

const ENCODINGS = [
  { protocol: "Connect JSON", contentType: "application/json", isJson: true, isFramed: false, versions: [1, 2] },
  { protocol: "Connect binary", contentType: "application/proto", isJson: false, isFramed: false, versions: [1, 2] },
  { protocol: "gRPC", contentType: "application/grpc", isJson: false, isFramed: true, versions: [2] },
  { protocol: "gRPC JSON", contentType: "application/grpc+json", isJson: true, isFramed: true, versions: [2] },
  { protocol: "gRPC-Web", contentType: "application/grpc-web+proto", isJson: false, isFramed: true, versions: [1, 2] },
  {
    protocol: "gRPC-Web JSON",
    contentType: "application/grpc-web+json",
    isJson: true,
    isFramed: true,
    versions: [1, 2],
  },
];

/** Every form; gRPC needs HTTP/2. */
export const RAW_FORMS: readonly RawForm[] = ENCODINGS.flatMap(({ protocol, versions, ...encoding }) =>
  versions.map((version) => ({
    ...encoding,
    name: `${protocol} over HTTP/${version === 1 ? "1.1" : "2"}`,
    ask: version === 1 ? ask1 : ask2,
  })),
);

/** What came back: the bytes, and the status that they tell. */
export type RawAnswer = Answer & { readonly code: string };

/** A connection that a form can use for many calls within a test; `undefined` where it opens one for each. */
export function connectionFor(port: number, { ask }: RawForm): ClientHttp2Session | undefined {
  // Each call listens for the end of the session, so there are as many listeners as calls.
  return ask === ask2 ? session2(port).setMaxListeners(0) : undefined;
}

/** Calls `method` with exactly these bytes for its message, on `connection` or on one of its own. */
export async function callRaw(
  port: number,
  form: RawForm,
  method: DescMethod,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  connection?: ClientHttp2Session,
): Promise<RawAnswer> {
  const asked = { method: "POST", ...postedTo(form, method, message, headers) };
  const answer = await form.ask(port, asked, connection);
  return { ...answer, code: codeOf(answer, form) };
}

/** The request that calls `method` with exactly these bytes for its message. */
export function postedTo(
  form: RawForm,
  method: DescMethod,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    headers: {
      "content-type": form.contentType,
      ...(form.isFramed && { te: "trailers" }),
      ...headers,
    },
    body: form.isFramed ? envelope(message) : message,
  };
}

/** The bytes of a message in the encoding of a form. */
export function encoded(form: RawForm, { input }: DescMethod, message: Message): Uint8Array {
  return form.isJson ? Buffer.from(toJsonString(input, message)) : toBinary(input, message);
}

function codeOf({ status, headers, trailers, body }: Answer, { isFramed }: RawForm): string {
  if (isFramed) {
    const inBody = /(?:^|\n)grpc-status: *(\d+)/i.exec(
      body.toString("latin1").replace(/^[\s\S]*\x80[\s\S]{4}/, "\n"),
    )?.[1];
    const told = Number(trailers["grpc-status"] ?? headers["grpc-status"] ?? inBody ?? Code.Unknown);
    return told === 0 ? "OK" : (Code[told] ?? `status ${told}`);
  }
  if (status === 200) return "OK";
  const { code }: { code?: string } = JSON.parse(body.toString());
  return Code[codeFromString(code ?? "") ?? Code.Unknown];
}
