import type { Http2Session } from "node:http2";
import type { Socket } from "node:net";

/** How often a session is looked at in the time that it may be idle. */
const LOOKS = 8;

/** What is looked at. */
export type Watched = {
  readonly session: Pick<Http2Session, "destroyed" | "destroy">;
  readonly socket: Pick<Socket, "destroy" | "once">;
  /** Changes whenever a request has come, or is over. */
  readonly events: () => number;
  /** True while an answer is being made. */
  readonly isBusy: () => boolean;
};

/**
 * Ends a session on which nothing was asked or answered for `idleMs` milliseconds, or an eighth more. PINGs are not asking.
 * Node's own timeout of a session would be set anew at every frame and every write, which is 4 % of what a check costs.
 */
export function endWhenIdle({ session, socket, events, isBusy }: Watched, idleMs: number): void {
  let seen = events();
  let looks = 0;

  function look(): void {
    const now = events();
    looks = now !== seen || isBusy() ? 0 : looks + 1;
    seen = now;
    if (looks < LOOKS) return;
    looks = 0;
    // Node waits for its peer to take what is left of a session that is over, which some never do.
    if (session.destroyed) socket.destroy();
    else session.destroy();
  }

  const timer = setInterval(look, idleMs / LOOKS).unref();
  socket.once("close", () => clearInterval(timer));
}
