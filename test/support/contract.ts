/** The contract as its descriptors tell it, so that a test over all RPCs covers those that are yet to be written. */
import { readdirSync } from "node:fs";
import {
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type DescService,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { createConnectTransport } from "@connectrpc/connect-node";

const GENERATED = new URL("../../gen/sallyport/auth/v1/", import.meta.url);

/** Every service that the protos declare. */
export async function servicesOfContract(): Promise<readonly DescService[]> {
  const files = readdirSync(GENERATED).filter((name) => name.endsWith("_service_pb.ts"));
  const modules: object[] = await Promise.all(files.map((name) => import(new URL(name, GENERATED).href)));
  return modules.flatMap((module) => Object.values(module).filter(isService));
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

/** A request as JSON has it, with the names of the code. */
export type Request = { readonly [field: string]: unknown };

/** Calls any RPC over Connect; the answer as JSON, the first one of a stream. */
export async function callByDescriptor(
  baseUrl: string,
  method: DescMethod,
  request: Request,
  authorization: string | null = null,
): Promise<JsonValue> {
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1" });
  const header = authorization === null ? {} : { authorization };
  if (isUnary(method)) {
    const { message } = await transport.unary(method, undefined, 10_000, header, request);
    return toJson(method.output, message);
  }
  if (!isStreaming(method)) throw new Error(`${method.name} is of no kind that is known`);
  const { message } = await transport.stream(method, undefined, 10_000, header, createAsyncIterable([request]));
  for await (const first of message) return toJson(method.output, first);
  return null;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isStreaming(method: DescMethod): method is DescMethodStreaming {
  return method.methodKind !== "unary";
}

/** A field of a request that holds a credential. */
export type TokenField = {
  /** `AuthService.Authorize access_token`. */
  readonly name: string;
  readonly method: DescMethod;
  /** The field's own name. */
  readonly field: string;
  /** A request with the credential in this field. */
  readonly requestWith: (credential: string) => Request;
};

/** What must stand beside a credential for the request to be complete. */
const BESIDE: Request = { correlationId: "one" };

/** Every request field of the method that is named `…_token`, at any depth. */
export function tokenFieldsOf(method: DescMethod): readonly TokenField[] {
  return fieldsIn(method.input).map(({ path, field, wrap }) => ({
    name: `${method.parent.name}.${method.name} ${path}`,
    method,
    field,
    requestWith: wrap,
  }));
}

type Found = Pick<TokenField, "field"> & { readonly path: string; readonly wrap: TokenField["requestWith"] };

function fieldsIn({ fields }: DescMessage): readonly Found[] {
  return fields.flatMap((field): readonly Found[] => {
    const { name, localName, fieldKind } = field;
    if (fieldKind === "scalar" && name.endsWith("_token")) {
      return [{ path: name, field: name, wrap: (credential) => ({ [localName]: credential }) }];
    }
    if (field.message === undefined) return [];
    const siblings = field.message.fields.map((sibling) => sibling.localName);
    const beside = Object.fromEntries(Object.entries(BESIDE).filter(([sibling]) => siblings.includes(sibling)));
    return fieldsIn(field.message).map((inner) => ({
      path: `${name}.${inner.path}`,
      field: inner.field,
      wrap(credential) {
        const value = { ...beside, ...inner.wrap(credential) };
        return { [localName]: fieldKind === "list" ? [value] : value };
      },
    }));
  });
}
