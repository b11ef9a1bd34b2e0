import type { HandlerContext } from "@connectrpc/connect";
import type { Principal } from "../check/decision.ts";
import { principalKey } from "./guard.ts";

/** Who calls an RPC that its rule leaves to signed-in users. */
export function callerOf({ values }: HandlerContext): Principal {
  const principal = values.get(principalKey);
  if (principal === null) throw new Error("a public RPC has no caller");
  return principal;
}
