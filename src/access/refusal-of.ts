import type { Denied } from "../check/decision.ts";
import { Refusal } from "../errors.ts";

/** A denial as the refusal of an RPC that is for tokens of `audience`, in the same words wherever it is guarded. */
export function refusalOf({ reason, missingRoles, missingPermissions }: Denied, audience: string): Refusal {
  if (reason === "ROLE_MISSING")
    return new Refusal(reason, { message: `needs one of the roles ${missingRoles.join(", ")}` });
  if (reason === "PERMISSION_MISSING")
    return new Refusal(reason, { message: `needs the permission ${missingPermissions.join(", ")}` });
  if (reason === "AUDIENCE_MISMATCH")
    return new Refusal(reason, { message: `this RPC takes only access tokens for the audience "${audience}"` });
  return new Refusal(reason);
}
