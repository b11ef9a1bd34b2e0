/** The bounds that the protos state (protovalidate), held before any handler runs. */
import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { type FieldViolation, Refusal } from "../errors.ts";
import { createPlainlyValid, type PlainlyValid } from "./plainly-valid.ts";
import { interceptorOf } from "./step.ts";

const validator = createValidator();

/** What is wrong with a message; empty if nothing is. Paths are proto field paths. */
export function violationsOf<Desc extends DescMessage>(
  schema: Desc,
  message: Message & { $typeName: Desc["typeName"] },
): readonly FieldViolation[] {
  const result = validator.validate(schema, message as never);
  if (result.kind === "valid") return [];
  if (result.kind === "error") throw result.error;
  return result.violations.map(({ field, message: description }) => ({ field: pathToString(field), description }));
}

/** Refuses messages out of bounds. Compiles the rules of `methods` now: the first use of a rule takes long. */
export function createValidation(methods: readonly DescMethod[]): Interceptor {
  const plainlyValid = new Map<DescMessage, PlainlyValid>();
  for (const { input } of methods) {
    plainlyValid.set(
      input,
      createPlainlyValid(input, (message) => violationsOf(input, message).length === 0),
    );
  }
  return interceptorOf((next) => (request) => {
    if (request.stream) return next({ ...request, message: eachValid(request.method.input, request.message) });
    if (plainlyValid.get(request.method.input)?.(request.message)) return next(request);
    const violations = violationsOf(request.method.input, request.message);
    if (violations.length > 0) throw refusalOf(violations);
    return next(request);
  });
}

/** The messages of a stream, until one is out of bounds. */
async function* eachValid<T extends Message>(schema: DescMessage, messages: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const message of messages) {
    const violations = violationsOf(schema, message);
    if (violations.length > 0) throw refusalOf(violations);
    yield message;
  }
}

function refusalOf(fields: readonly FieldViolation[]): Refusal {
  const message = fields.map(({ field, description }) => `${field}: ${description}`).join("; ");
  return new Refusal("REQUEST_INVALID", { message, fields });
}
