import { Refusal } from "../errors.ts";
import { isHeldByAnother, type UserRow } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";
import { ADMIN } from "./built-in.ts";

/** Refuses to take `admin` away from the only active user who holds it. @throws Refusal LAST_ADMIN. */
export async function refuseLastAdmin({ db }: Tx, user: UserRow): Promise<void> {
  if (user.state !== "active" || !user.roles.includes(ADMIN)) return;
  if (!(await isHeldByAnother(db, ADMIN, user.id))) throw new Refusal("LAST_ADMIN");
}
