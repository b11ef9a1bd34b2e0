/** What a guard tells that enforces nothing. */
import type { Denied } from "../../check/decision.ts";
import type { Reason, Refusal } from "../../errors.ts";
import { callOut } from "../call-out.ts";

/** A call, or a stream in its middle, that would have been refused. Holds no token. */
export type Report = {
  /** The full name of the method, such as `shop.v1.Shop.Buy`. */
  readonly method: string;
  /** Why, as the client would have been told: a value of the proto enum `ErrorReason`, without its prefix. */
  readonly reason: Reason;
  /** The words that the client would have got. */
  readonly message: string;
  /** The verifier's answer; `null` if it was not asked, or could not tell. */
  readonly denied: Denied | null;
  /** What is behind the reason, such as a `VerifierUnavailable`; `undefined` if there is no more to it. */
  readonly cause: unknown;
};

/** Is told of a call that would have been refused. */
export type WouldRefuse = (report: Report) => void;

/** Tells of a refusal. A fault of who listens becomes a warning of the process: the call is to pass all the same. */
export function tell(onReport: WouldRefuse, path: string, refusal: Refusal, denied: Denied | null): void {
  const { reason, message, cause } = refusal;
  callOut(onReport, { method: path.slice(1).replace("/", "."), reason, message, denied, cause });
}
