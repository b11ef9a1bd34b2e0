/** The text fields of requests as the descriptors tell them, so that a field which is yet to be written is covered. */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { Method } from "./methods.ts";
import { validMessage } from "./violations.ts";

/** A place for text in the request of a method. */
export type TextField = {
  /** `min_revision.log_id`; of a repeated field, the first item. */
  readonly path: string;
  /** The field's own name, without what stands above it. */
  readonly name: string;
  /** A request that breaks no rule, but for what the text may break. */
  readonly withText: (text: string) => Message;
};

/** Every text field of the method's request, at any depth, also repeated ones and those in a oneof. */
export function textFieldsOf({ input }: Method): readonly TextField[] {
  return placesIn(input, []).map(({ path, name, put }) => ({
    path,
    name,
    withText(text) {
      const request = validMessage(input);
      put(request, text);
      return request.message;
    },
  }));
}

/** Requests that have the text in all of their text fields at once: as many as it takes for every member of a oneof. */
export function requestsFullOf(text: string, { input }: Method): readonly Message[] {
  const places = placesIn(input, []);
  const most = Math.max(0, ...places.map(({ member }) => member));
  return Array.from({ length: places.length === 0 ? 0 : most + 1 }, (_, turn) => {
    const request = validMessage(input);
    for (const { isMember, member, put } of places) if (!isMember || member === turn) put(request, text);
    return request.message;
  });
}

type Place = {
  readonly path: string;
  readonly name: string;
  readonly isMember: boolean;
  /** Its number among the members of its oneof; 0 for a field outside of any. */
  readonly member: number;
  readonly put: (message: ReflectMessage, text: string) => void;
};

function placesIn(message: DescMessage, above: readonly DescMessage[]): readonly Place[] {
  if (above.includes(message)) return [];
  return message.fields.flatMap((field) => {
    const membership = { isMember: field.oneof !== undefined, member: field.oneof?.fields.indexOf(field) ?? 0 };
    return placesOf(field, [...above, message]).map((place) => ({ ...place, ...(membership.isMember && membership) }));
  });
}

function placesOf(field: DescField, above: readonly DescMessage[]): readonly Place[] {
  const { name } = field;
  const alone = { path: name, name, isMember: false, member: 0 };
  if (field.fieldKind === "map") throw new Error(`${field.toString()} is a map: say here where its texts go`);
  if (field.fieldKind === "scalar" && field.scalar === ScalarType.STRING) {
    return [{ ...alone, put: (message, text) => message.set(field, text) }];
  }
  if (field.fieldKind === "list" && field.scalar === ScalarType.STRING) {
    return [{ ...alone, path: `${name}[0]`, put: (message, text) => putAlone(message, field, text) }];
  }
  if (field.message === undefined) return [];
  const within = field.message;
  return placesIn(within, above).map((inner) => ({
    ...inner,
    path: `${name}${field.fieldKind === "list" ? "[0]" : ""}.${inner.path}`,
    put(message, text) {
      const value = messageIn(message, field) ?? validMessage(within);
      inner.put(value, text);
      if (field.fieldKind === "list") putAlone(message, field, value);
      else message.set(field, value);
    },
  }));
}

/** The message that stands in the field, or first in its list; `null` if none does. */
function messageIn(message: ReflectMessage, field: DescField): ReflectMessage | null {
  if (field.fieldKind === "message") return message.isSet(field) ? message.get(field) : null;
  if (field.fieldKind !== "list") return null;
  const first: unknown = message.get(field).get(0);
  return isReflectMessage(first) ? first : null;
}

function putAlone(message: ReflectMessage, field: DescField & { fieldKind: "list" }, item: unknown): void {
  const list = message.get(field);
  list.clear();
  list.add(item);
}
