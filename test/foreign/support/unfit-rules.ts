/** Access rules that no guard may start with: taken half, each would open a door or close it for good. */
const PUBLIC_AND_MORE = "that is public and states something else";
const REPEATED = "that names something twice";
const AGELESS = "whose max_auth_age is not above zero";
/** What a rule states, and why nobody may be guarded by it. */
export const UNFIT_RULES: readonly (readonly [rule: string, why: string])[] = [
  ['public: true any_role: "admin"', PUBLIC_AND_MORE],
  ['public: true all_permissions: "orders:refund"', PUBLIC_AND_MORE],
  ["public: true authenticated: true", PUBLIC_AND_MORE],
  ["public: true max_auth_age: {seconds: 300}", PUBLIC_AND_MORE],
  ['any_role: "admin" any_role: "clerk" any_role: "admin"', REPEATED],
  ['all_permissions: "orders:refund" all_permissions: "orders:refund"', REPEATED],
  ["max_auth_age: {}", AGELESS],
  ["max_auth_age: {seconds: -1}", AGELESS],
  ["authenticated: true freshness: 7", "that states what this version does not know"],
  ["freshness: FRESHNESS_REMOTE", "that says nothing"],
];
