/** The methods of the contract, called by their descriptors. */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { type AccessRule, default_rule, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { WIRE_FORMS } from "./clients.ts";
import { servicesOfContract } from "./contract.ts";

/** A unary method of the contract. */
export type Method = DescMethodUnary<DescMessage, DescMessage>;

/** A method, its name for people, and its access rule. */
export type Contracted = { readonly name: string; readonly method: Method; readonly rule: AccessRule };

/** Every unary method of the contract. */
export const METHODS: readonly Contracted[] = (await servicesOfContract())
  .flatMap(({ methods }) => methods)
  .filter(isUnary)
  .map((method) => ({
    name: `${method.parent.name}.${method.name}`,
    method,
    rule: hasOption(method, rule) ? getOption(method, rule) : getOption(method.parent, default_rule),
  }));

/** The same for a method that is known. */
export function contracted(method: DescMethod): Contracted {
  const found = METHODS.find((known) => known.method === method);
  if (found === undefined) throw new Error(`${method.name} is not in the contract`);
  return found;
}

function isUnary(method: DescMethod): method is Method {
  return method.methodKind === "unary";
}

/** A transport to `url`: Connect JSON over HTTP/1.1 unless another form is named. */
export function transportTo(url: string, form = WIRE_FORMS[0]): Transport {
  if (form === undefined) throw new Error("there is no form of the wire");
  return form.transport({ baseUrl: url });
}

/** Calls a method with this message, or an empty one. */
export function call(
  over: Transport,
  method: Method,
  { message = create(method.input), accessToken = "" }: { message?: Message; accessToken?: string } = {},
): Promise<unknown> {
  const headers = accessToken === "" ? {} : { authorization: `Bearer ${accessToken}` };
  return over.unary(method, undefined, undefined, headers, message);
}
