/** The metrics of all workers together, and of the supervisor with them. */
import { countsOf, type Figures, joinFigures } from "../telemetry/joined-figures.ts";

/** A worker that may be asked for its figures. */
export type Counted = { readonly ask: (id: number) => void };

/** Collects figures. */
export type AllFigures = {
  readonly add: (worker: Counted) => void;
  /** It is gone; what it had counted when it was asked last is kept. */
  readonly remove: (worker: Counted) => void;
  /** A worker has answered. */
  readonly answered: (id: number, figures: Figures) => void;
  /** The figures of the whole at this moment, as text. */
  readonly read: () => Promise<string>;
};

/** A worker that does not answer for so long counts with what it told last, in milliseconds. */
const PATIENCE_MS = 2_000;

type Question = { readonly worker: Counted; readonly settle: () => void };

/** {@link AllFigures} of no workers yet; `own` reads those of the supervisor. */
export function createAllFigures(own: () => Promise<Figures>): AllFigures {
  const latest = new Map<Counted, Figures>();
  const asked = new Map<number, Question>();
  let gone: readonly Figures[] = [];
  let underWay: Promise<string> | null = null;
  let lastId = 0;

  function ask(worker: Counted): Promise<void> {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(settle, PATIENCE_MS);
      function settle(): void {
        clearTimeout(timer);
        asked.delete(id);
        resolve();
      }
      asked.set(id, { worker, settle });
      worker.ask(id);
    });
  }

  async function readNow(): Promise<string> {
    await Promise.all([...latest.keys()].map(ask));
    const joined = gone;
    const counts = await countsOf(joined);
    gone = [counts, ...gone.slice(joined.length)];
    return joinFigures([await own(), ...latest.values(), ...gone]);
  }

  return {
    add: (worker) => void latest.set(worker, []),
    remove(worker) {
      gone = [...gone, latest.get(worker) ?? []];
      latest.delete(worker);
      for (const question of asked.values()) if (question.worker === worker) question.settle();
    },
    answered(id, figures) {
      const question = asked.get(id);
      if (question === undefined) return;
      if (latest.has(question.worker)) latest.set(question.worker, figures);
      question.settle();
    },
    read() {
      underWay ??= readNow().finally(() => {
        underWay = null;
      });
      return underWay;
    },
  };
}
