/** The fields of the contract that hold secrets, as its descriptors tell them: those marked `debug_redact`. */
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** Whether the field is marked. */
export function isRedacted(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

/** Every field of a message, and of the messages in it. */
export function fieldsWithin(message: DescMessage, above: readonly DescMessage[] = []): readonly DescField[] {
  if (above.includes(message)) return [];
  return message.fields.flatMap((field) =>
    field.message === undefined ? [field] : [field, ...fieldsWithin(field.message, [...above, message])],
  );
}

/** A request of which one field is to hold a secret. */
export type SecretRequest = {
  /** `AuthService.Login password`. */
  readonly name: string;
  readonly method: DescMethodUnary;
  /** The request as JSON has it, with the secret in its place and `beside` around it where there are such fields. */
  readonly holding: (secret: string, beside: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** Whether the field takes bytes, which JSON writes in base64. */
  readonly isBytes: boolean;
};

/** One for each marked field, at any depth, of every unary method's request. */
export function secretRequestsTo(services: readonly DescService[]): readonly SecretRequest[] {
  const methods = services.flatMap(({ methods: own }) => own).filter(isUnary);
  return methods.flatMap((method) =>
    placesIn(method.input).map(({ path, field, holding }) => ({
      name: `${method.parent.name}.${method.name} ${path}`,
      method,
      holding,
      isBytes: field.fieldKind === "scalar" && field.scalar === ScalarType.BYTES,
    })),
  );
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

type Place = { readonly path: string; readonly field: DescField; readonly holding: SecretRequest["holding"] };

function placesIn(message: DescMessage): readonly Place[] {
  const around = (beside: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      message.fields.map(({ name }) => [name, beside[name]]).filter(([, value]) => value !== undefined),
    );
  return message.fields.flatMap((field): readonly Place[] => {
    const { name, fieldKind } = field;
    if (isRedacted(field)) {
      return [{ path: name, field, holding: (secret, beside) => ({ ...around(beside), [name]: secret }) }];
    }
    if (field.message === undefined) return [];
    return placesIn(field.message).map((inner) => ({
      path: `${name}.${inner.path}`,
      field: inner.field,
      holding(secret, beside) {
        const value = inner.holding(secret, beside);
        return { ...around(beside), [name]: fieldKind === "list" ? [value] : value };
      },
    }));
  });
}

/** What the marked fields of a message hold. */
export function secretsIn(message: ReflectMessage): readonly string[] {
  return message.fields.flatMap((field) => {
    if (!message.isSet(field)) return [];
    if (isRedacted(field)) return [String(message.get(field))];
    return field.fieldKind === "message" ? secretsIn(reflect(field.message, message.get(field).message)) : [];
  });
}
