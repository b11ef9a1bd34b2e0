/**
 * Calls a function that users handed in. What it throws, at once or by a promise, becomes a warning of the
 * process, and whoever called it goes on with what it has to do: knowledge does not depend on who listens.
 */
export function callOut<T>(callback: (value: T) => unknown, value: T): void {
  try {
    const result = callback(value);
    if (result instanceof Promise) result.catch(warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(`a callback threw ${String(error)}`));
}
