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

/** Workers are asked so often, in milliseconds; */
const EVERY_MS = 5_000;
/**
 * one that has told nothing since it was asked for the last so many times hangs. Counted by how often this process asked,
 * not by a clock: where the machine stood still, nobody hung. 30 s in all is what gunicorn gives its workers (`timeout`).
 */
const UNANSWERED = 6;

/** A {@link Pulse} of no workers yet. One that hangs is ended by force: it could not obey anything else. */
export function createPulse({ log, onHung }: PulseDeps): Pulse {
  /** How often each was asked since it told something. */
  const unanswered = new Map<Member, number>();
  const timer = setInterval(askAll, EVERY_MS).unref();

  function askAll(): void {
    for (const [member, times] of unanswered) {
      if (times >= UNANSWERED) end(member);
      else ask(member, times);
    }
  }

  function ask(member: Member, times: number): void {
    unanswered.set(member, times + 1);
    member.process.tell({ kind: "are_you_there" });
  }

  function end(member: Member): void {
    const { number, process } = member;
    unanswered.delete(member);
    const seconds = (UNANSWERED * EVERY_MS) / 1000;
    const line = { event: "worker_hung", worker: number, pid: process.pid, seconds };
    log.error(line, "a worker does not answer, and is ended");
    onHung(member);
    process.kill();
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
