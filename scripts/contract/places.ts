/** Where on the page each type stands: with the RPC whose request, response or sole use it is, or among the shared. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { TypeDesc } from "./names.ts";

/** The types that stand with each RPC, its request and response first, and all others. */
export type Places = {
  readonly of: (method: DescMethod) => readonly TypeDesc[];
  readonly shared: readonly TypeDesc[];
};

/** Finds a place for each of `types`, which keep their order among the shared. */
export function findPlaces(methods: readonly DescMethod[], types: readonly TypeDesc[]): Places {
  const own = new Set(types);
  const uses = new Map(methods.map((method) => [method, typesOf(method).filter((type) => own.has(type))]));
  const hostOf = (type: TypeDesc): DescMethod | null => {
    const exchanged = methods.find(({ input, output }) => type === input || type === output);
    const users = methods.filter((method) => uses.get(method)?.includes(type));
    return exchanged ?? (users.length === 1 ? (users[0] ?? null) : null);
  };
  return {
    of: (method) => (uses.get(method) ?? []).filter((type) => hostOf(type) === method),
    shared: types.filter((type) => hostOf(type) === null),
  };
}

/** All types that the RPC's messages are made of, in the order in which a reader meets them. */
function typesOf({ input, output }: DescMethod): readonly TypeDesc[] {
  const found = new Set<TypeDesc>([input, output]);
  // A set that is added to while it is walked walks those too.
  for (const type of found) {
    if (type.kind === "enum") continue;
    for (const { message, enum: declared } of type.fields) {
      const next = message ?? declared;
      if (next !== undefined) found.add(next);
    }
  }
  return [...found];
}
