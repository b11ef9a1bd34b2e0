/** Signup: anyone may make an account, with the roles that the operator leaves to anyone. */
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { UserRow } from "../store/queries/users.ts";
import type { CreateUser, NewUser } from "./create-user.ts";

/** Makes an account for whoever asks. @throws Refusal SIGNUP_CLOSED, ROLE_NOT_SELF_ASSIGNABLE, and all of CreateUser's. */
export type Signup = (input: NewUser, patience: Patience) => Promise<UserRow>;

/** A {@link Signup}; `signupRoles` are those that anyone may take, the first is given to who asks for none. */
export function createSignup(deps: {
  readonly createUser: CreateUser;
  readonly signupRoles: readonly string[];
}): Signup {
  const [standard] = deps.signupRoles;
  return async function signup(input, patience) {
    if (standard === undefined) throw new Refusal("SIGNUP_CLOSED");
    if (input.roles.some((role) => !deps.signupRoles.includes(role))) throw new Refusal("ROLE_NOT_SELF_ASSIGNABLE");
    return deps.createUser({ ...input, roles: input.roles.length === 0 ? [standard] : input.roles }, patience);
  };
}
