/** A point in a revocation log: up to where it was read, told or known. */
export type Revision = {
  /** The log that it counts in; another one after the database was put back in time. */
  readonly logId: string;
  readonly number: number;
};
