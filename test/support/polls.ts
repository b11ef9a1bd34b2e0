/** How long `expect.poll` looks for what is to be so at last, and how often, in milliseconds: patient, since tests share the machine. */
export const POLLS = { timeout: 15_000, interval: 20 } as const;
