/** Why a command could not begin, with the exit code that says so to a script. */
export class CommandFault extends Error {
  override readonly name = "CommandFault";
  readonly exitCode: 2 | 69;

  /** @param exitCode 2: what was given is wrong; 69: what it needs is not to be had now. */
  constructor(exitCode: 2 | 69, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Text of others on one line of visible ASCII, so that it does nothing to a terminal. */
export function shown(text: string): string {
  return text.replace(/[^ -~]+/g, " ").slice(0, 300);
}
