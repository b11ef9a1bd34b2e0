/** One measuring window: calls as fast as they are answered, or at a rate. */
import { faultOf } from "./acceptance.ts";
import { createHttp1Client } from "./http1-client.ts";
import { createHttp2Client } from "./http2-client.ts";
import type { Answer, Client, Sample, Target, Window } from "./job.ts";
import { createRecorder } from "./recorder.ts";

/** Measures. @throws Error at the first answer that is not what was hoped for. */
export async function measure(target: Target, window: Window): Promise<Sample> {
  const client = createClient(target, window.concurrency);
  const recorder = createRecorder(target.pid, window.warmMs, window.measureMs);
  try {
    await new Promise<void>((resolve, reject) => {
      const calls = createCalls(client, target, reject);
      if (window.rate === null) askInTurn(calls, window.concurrency, recorder.note, resolve);
      else askAtRate(calls, window.rate, recorder.note, resolve);
    });
    return recorder.sample();
  } finally {
    client.close();
  }
}

/** Asks once, with the first body. @throws Error if the answer is not what was hoped for. */
export async function askOnce(target: Target): Promise<Answer> {
  const client = createClient(target, 1);
  try {
    return await new Promise<Answer>((resolve, reject) => {
      createCalls(client, target, reject).ask(0, resolve);
    });
  } finally {
    client.close();
  }
}

function createClient(target: Target, workers: number): Client {
  return target.transport === "h2" ? createHttp2Client(target, workers) : createHttp1Client(target, workers);
}

/** Asks what the target is to be asked next; `false` if there is nothing left. */
type Calls = { readonly ask: (worker: number, done: (answer: Answer) => void) => boolean };

function createCalls(client: Client, { bodies, eachOnce, accept, path }: Target, fail: (error: Error) => void): Calls {
  let asked = 0;
  return {
    ask(worker, done) {
      if (eachOnce && asked >= bodies.length) return false;
      const body = bodies[asked % bodies.length] ?? null;
      asked += 1;
      client.call(worker, body, (answer) => {
        if (answer instanceof Error) return fail(new Error(`${path} was not answered`, { cause: answer }));
        const fault = faultOf(answer, accept);
        if (fault !== null) return fail(new Error(`${path} was answered with ${fault}`));
        done(answer);
      });
      return true;
    },
  };
}

/** So many workers, each asking again as soon as it is answered. Over when the last of them is. */
function askInTurn(calls: Calls, workers: number, note: (elapsedMs: number) => boolean, over: () => void): void {
  let busy = workers;
  let isWanted = true;

  function ask(worker: number): void {
    const askedAt = performance.now();
    const isAsked =
      isWanted &&
      calls.ask(worker, () => {
        isWanted = note(performance.now() - askedAt) && isWanted;
        ask(worker);
      });
    if (isAsked) return;
    isWanted = false;
    busy -= 1;
    if (busy === 0) over();
  }

  for (let worker = 0; worker < workers; worker += 1) ask(worker);
}

/** So many calls a second, however long answers take. Times count from when a call was due, not from when it was made. */
function askAtRate(calls: Calls, rate: number, note: (elapsedMs: number) => boolean, over: () => void): void {
  const beganAt = performance.now();
  let asked = 0;
  let open = 0;
  let isWanted = true;

  function askDue(): void {
    const due = isWanted ? Math.floor(((performance.now() - beganAt) / 1000) * rate) : 0;
    for (; asked < due; asked += 1) {
      const dueAt = beganAt + ((asked + 1) / rate) * 1000;
      open += 1;
      calls.ask(asked, () => {
        open -= 1;
        isWanted = note(performance.now() - dueAt) && isWanted;
      });
    }
    if (isWanted || open > 0) setTimeout(askDue, 1);
    else over();
  }

  askDue();
}
