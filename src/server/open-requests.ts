/** Counts the requests of this process that are not answered to their end. */
export type OpenRequests = {
  readonly enter: () => void;
  readonly leave: () => void;
  /** True if there are as many as there may be. */
  readonly isFull: () => boolean;
};

/** A count that is full at `bound`. */
export function createOpenRequests(bound: number): OpenRequests {
  let count = 0;
  return {
    enter() {
      count += 1;
    },
    leave() {
      count -= 1;
    },
    isFull: () => count >= bound,
  };
}
