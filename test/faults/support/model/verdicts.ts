/** What must be decided of access tokens, told from all that ever happened. */
import { type AccessToken, at, type World, wholeSecond } from "./world.ts";

/** What is asked about a token. */
export type Question = {
  readonly audience: string;
  readonly anyRole: readonly string[];
  readonly allPermissions: readonly string[];
  readonly maxAuthAgeMs: number | null;
};

/** Whether a grant covers a permission, part by part. */
function grantCovers(grant: string, permission: string): boolean {
  const [parts, wanted] = [grant.split(":"), permission.split(":")];
  if (parts.at(-1) !== "*") return grant === permission;
  return wanted.length >= parts.length && parts.slice(0, -1).every((part, index) => part === wanted[index]);
}

/** Whether the grants cover a permission. */
export function isGranted(grants: readonly string[], permission: string): boolean {
  return grants.some((grant) => grantCovers(grant, permission));
}

/** `GRANTED`, or why not. */
export function verdictOn(world: World, token: AccessToken, question: Question): string {
  const { now, keys, roles } = world;
  const session = at(world.sessions, token.session);
  const alive = token.roles.filter((role) => roles.has(role));
  const grants = alive.flatMap((role) => roles.get(role) ?? []);
  if (!keys.some(({ kid }) => kid === token.kid)) return "TOKEN_INVALID";
  if (now >= token.expiresAt) return "TOKEN_EXPIRED";
  if (session.hasEnded) return "SESSION_REVOKED";
  if (token.epoch < (world.users.get(session.user)?.epoch ?? 0)) return "PRIVILEGES_CHANGED";
  if (!token.audiences.includes(question.audience)) return "AUDIENCE_MISMATCH";
  if (question.anyRole.length > 0 && !question.anyRole.some((role) => alive.includes(role))) return "ROLE_MISSING";
  if (!question.allPermissions.every((wanted) => isGranted(grants, wanted))) return "PERMISSION_MISSING";
  if (question.maxAuthAgeMs !== null && now - wholeSecond(session.authTime) > question.maxAuthAgeMs)
    return "AUTHENTICATION_TOO_OLD";
  return "GRANTED";
}

/** A question that asks for nothing but a living token for Sallyport itself. */
export const SIGNED_IN: Question = { audience: "sallyport", anyRole: [], allPermissions: [], maxAuthAgeMs: null };
