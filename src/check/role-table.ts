import { covers } from "./permission.ts";

/** What each role grants, as of the revision that the knowledge stands at. A role that is not in it grants nothing. */
export type RoleTable = {
  readonly has: (role: string) => boolean;
  /** Whether one of the roles grants the permission, or covers the grant. */
  readonly grants: (roles: readonly string[], permission: string) => boolean;
  readonly set: (role: string, grants: readonly string[]) => void;
  readonly delete: (role: string) => void;
  readonly clear: () => void;
  readonly list: () => readonly RoleGrants[];
};

/** A role and what it grants. */
export type RoleGrants = { readonly name: string; readonly grants: readonly string[] };

/** An empty {@link RoleTable}. */
export function createRoleTable(): RoleTable {
  const grantsOf = new Map<string, readonly string[]>();
  return {
    has: (role) => grantsOf.has(role),
    grants: (roles, permission) =>
      roles.some((role) => grantsOf.get(role)?.some((grant) => covers(grant, permission)) ?? false),
    set: (role, grants) => void grantsOf.set(role, grants),
    delete: (role) => void grantsOf.delete(role),
    clear: () => grantsOf.clear(),
    list: () => [...grantsOf].map(([name, grants]) => ({ name, grants })),
  };
}
