/** When a call has to end, and who is told. */
export class Ending {
  #reason: Error | null = null;
  #controller: AbortController | null = null;

  /** Ends the call, for this reason; the first one counts. */
  end(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }

  isOver(): boolean {
    return this.#reason !== null;
  }

  /** The signal that tells of it. Made when somebody asks for it: most calls are answered before anybody does. */
  toSignal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
}
