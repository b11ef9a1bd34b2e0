/** The messages of a stream, such that it can be told whether it may be sent again. */

/** What goes into a call, for one try after the other. */
type Input<T> = {
  readonly messages: () => AsyncIterable<T>;
  /** Whether another try would send all that the first one should have. */
  readonly mayRepeat: () => boolean;
};

/** Ways to hold the input of a stream. */
export const repeatable = {
  /** All of it is taken at once and can be sent any number of times. For streams with one message in. */
  async whole<T>(messages: AsyncIterable<T>): Promise<Input<T>> {
    const all: T[] = [];
    for await (const message of messages) all.push(message);
    return {
      async *messages() {
        yield* all;
      },
      mayRepeat: () => true,
    };
  },

  /** It goes straight through, and can be sent again until somebody asked for its first message. */
  untouched<T>(messages: AsyncIterable<T>): Input<T> {
    let isTouched = false;
    const tracked: AsyncIterable<T> = {
      [Symbol.asyncIterator]() {
        const source = messages[Symbol.asyncIterator]();
        return {
          next() {
            isTouched = true;
            return source.next();
          },
          return: (value) => source.return?.(value) ?? Promise.resolve({ done: true, value }),
          throw: (reason) => source.throw?.(reason) ?? Promise.reject(reason),
        };
      },
    };
    return { messages: () => tracked, mayRepeat: () => !isTouched };
  },
};

/** The same messages, once the first of them, the end or an error is there. @throws that error. */
export async function withFirst<T>(messages: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const source = messages[Symbol.asyncIterator]();
  const first = await source.next();
  return {
    async *[Symbol.asyncIterator]() {
      if (first.done) return;
      yield first.value;
      yield* { [Symbol.asyncIterator]: () => source };
    },
  };
}

/** The same messages; `onError` is told what ends them, if that is an error. */
export async function* overheard<T>(
  messages: AsyncIterable<T>,
  onError: (error: unknown) => void,
): AsyncGenerator<T, void> {
  try {
    yield* messages;
  } catch (error) {
    onError(error);
    throw error;
  }
}
