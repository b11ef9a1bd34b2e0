/**
 * Steps of the chain. A step is what Connect calls an interceptor, but for one thing:
 * it may answer at once, where an interceptor always answers by a promise. Most calls
 * wait for nothing, and promises through the whole chain would cost more than all that
 * the steps do.
 *
 * A step is written once. The library runs it as the interceptor that it is made into,
 * the lean adapter runs the step itself.
 */
import type { Interceptor } from "@connectrpc/connect";

type Next = Parameters<Interceptor>[0];
type Request = Parameters<Next>[0];

/** A request on its way in. */
export type StepRequest = Request & {
  /** Whether its signal has aborted, where that can be told without the signal, which would have to be made first. */
  readonly isOver?: boolean;
};

/** What comes back. */
export type StepResponse = Awaited<ReturnType<Next>>;

/** The rest of the chain, as a step sees it. Throws, or rejects, where the call is refused. */
export type Proceed = (request: StepRequest) => StepResponse | Promise<StepResponse>;

/** One step of the chain. */
export type Step = (next: Proceed) => Proceed;

const steps = new WeakMap<Interceptor, Step>();

/** The step as an interceptor. */
export function interceptorOf(step: Step): Interceptor {
  const interceptor: Interceptor = (next) => {
    const proceed = step(next);
    return async (request) => proceed(request);
  };
  steps.set(interceptor, step);
  return interceptor;
}

/** The step that the interceptor was made of; `null` for one that was always an interceptor. */
export function stepOf(interceptor: Interceptor): Step | null {
  return steps.get(interceptor) ?? null;
}

/** What a step makes of the answer or the failure that the rest of the chain comes to. `C`: what it keeps of the call for that. */
type Completion<C> = {
  readonly answered: (response: StepResponse, kept: C) => StepResponse;
  /** Throws, whatever else it does. */
  readonly failed: (error: unknown, kept: C) => never;
};

/** Goes on with the chain and ends it, now or when it is answered. The same `completion` serves all calls: none makes its own. */
export function proceedTo<C>(
  next: Proceed,
  request: StepRequest,
  completion: Completion<C>,
  kept: C,
): ReturnType<Proceed> {
  let response: ReturnType<Proceed>;
  try {
    response = next(request);
  } catch (error) {
    return completion.failed(error, kept);
  }
  if (!(response instanceof Promise)) return completion.answered(response, kept);
  return response.then(
    (answered) => completion.answered(answered, kept),
    (error) => completion.failed(error, kept),
  );
}
