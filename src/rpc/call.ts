/** What the wire knows of a request that the message does not say. */
import { createContextKey } from "@connectrpc/connect";

/** One request, from its first byte to its last. */
export type Call = {
  /** Names the request in the log and in the response header `x-request-id`. */
  readonly id: string;
  /** Address of the other end of the connection. */
  readonly peer: string;
  /** Every `authorization` header as it came; HTTP/1 and HTTP/2 may both repeat it. */
  readonly authorization: readonly string[];
  /** Name of the service that the client's verified certificate stands for, if there is one of that name; or `null`. */
  readonly certificateService: string | null;
  /** For the request log: filled in as the request makes its way. */
  readonly outcome: {
    /** Status code in upper snake case (`OK`, `NOT_FOUND`), or `null` until it is known. */
    code: string | null;
    /** Our own reason behind a code that is not OK. */
    reason: string | null;
    /** Who called, once that is established: a user id. */
    subject: string | null;
    /** What happened, where it must not be told to the caller. */
    cause: unknown;
  };
  /** Says that this is to last, in a place that whoever serves it bounds: it counts no more among the open requests. */
  readonly outlast: () => void;
};

const none: Call = {
  id: "",
  peer: "",
  authorization: [],
  certificateService: null,
  outcome: { code: null, reason: null, subject: null, cause: null },
  outlast() {},
};

/** Where interceptors and handlers find the {@link Call}. Every adapter sets it. */
export const callKey = createContextKey<Call>(none, { description: "call" });
