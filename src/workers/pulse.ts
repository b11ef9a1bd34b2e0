/** Notices workers that hang: whose process is there, but answers nothing. */
import type { Log } from "../log.ts";
import type { Member } from "./crew.ts";

/** Watches over workers that serve. */
export type Pulse = {
  /** It serves, and answers when it is asked. */
  readonly watch: (member: Member) => void;
  /** It has told something, whatever that is. */
  readonly felt: (member: Member) => void;
  /** It is gone. */
  readonly forget: (member: Member) => void;
  /** Watches no more. */
  readonly stop: () => void;
};

type PulseDeps = {
  readonly log: Log;
  /** Told of one that hangs, once, before it is ended. */
  readonly onHung: (member: Member) => void;
};

/** Workers are asked so often, in milliseconds. */
const EVERY_MS = 5_000;
/**
 * One that has told nothing while it was asked so often hangs: for 30 s, which is what gunicorn gives its workers
 * (`timeout`). Counted by how often this process asked, not by a clock: where the machine stood still, nobody hung.
 */
const UNANSWERED = 6;

/** A {@link Pulse} of no workers yet. One that hangs is ended by force: it could not obey anything else. */
export function createPulse({ log, onHung }: PulseDeps): Pulse {
  /** How often each was asked since it told something. */
  const unanswered = new Map<Member, number>();
  const timer = setInterval(askAll, EVERY_MS).unref();

  function askAll(): void {
    for (const [member, times] of unanswered) {
      if (times < UNANSWERED) ask(member, times + 1);
      else end(member);
    }
  }

  function ask(member: Member, times: number): void {
    unanswered.set(member, times);
    member.process.tell({ kind: "are_you_there" });
    // Said before it is ended. If it hangs on the log, which nobody reads, so does this process now, and asks again later.
    if (times === UNANSWERED) log.warn({ event: "worker_silent", ...named(member) }, "a worker does not answer");
  }

  function end(member: Member): void {
    unanswered.delete(member);
    onHung(member);
    member.process.kill();
    log.error({ event: "worker_hung", ...named(member) }, "a worker did not answer, and was ended");
  }

  return {
    watch: (member) => void unanswered.set(member, 0),
    felt(member) {
      if (unanswered.has(member)) unanswered.set(member, 0);
    },
    forget: (member) => void unanswered.delete(member),
    stop: () => clearInterval(timer),
  };
}

const named = ({ number, process }: Member) => ({ worker: number, pid: process.pid });
