/**
 * Permissions are names with parts (`orders:read`). What a role grants may be
 * such a name, all below a prefix (`orders:*`), or all there is (`*`).
 */

/** Whether a grant covers a permission, or another grant: `orders:*` covers `orders:read` and `orders:eu:*`. */
export function covers(grant: string, wanted: string): boolean {
  if (grant === "*" || grant === wanted) return true;
  return grant.endsWith(":*") && wanted.startsWith(grant.slice(0, -1));
}
