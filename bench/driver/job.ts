/** What the driver is told to do, and what it tells. Plain data: it crosses a process boundary. */

/** Whom to call, and what to say. */
export type Target = {
  /** The server's process, whose CPU time counts, with that of those below it. */
  readonly pid: number;
  readonly port: number;
  /** `h2`: HTTP/2 with prior knowledge. `h1`: HTTP/1.1, kept alive. */
  readonly transport: "h1" | "h2";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Requests take these in turn; empty: requests have no body. */
  readonly bodies: readonly Uint8Array[];
  /** Whether each body is good for one request; the window then ends early when there are no more. */
  readonly eachOnce: boolean;
  readonly accept: Acceptance;
};

/** What counts as an answer. Anything else ends the run. */
export type Acceptance = {
  /**
   * `grpc`: `grpc-status` 0 in the trailers. `grpc-or-busy`: that, or 8, since a storm is meant to be refused.
   * `grpc-web`: 0 in the last frame of the body. `http`: status 200 says it.
   */
  readonly status: "grpc" | "grpc-or-busy" | "grpc-web" | "http";
  /** The body holds these bytes at this place. */
  readonly bytes: Uint8Array;
  readonly at: number;
};

/** For how long, and how many at once. Times are milliseconds. */
export type Window = {
  readonly concurrency: number;
  /** Before anything counts. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Calls a second, whatever the answers take; as many as the answers allow if `null`. */
  readonly rate: number | null;
};

/** What a window came to. */
export type Sample = {
  /** Calls that were answered well. There are no others: a bad answer ends the run. */
  readonly calls: number;
  readonly seconds: number;
  /** Of all processes of the server. */
  readonly cpuSeconds: number;
  /** Times from request to answer, in milliseconds; 0 where nobody asked from outside. */
  readonly p50: number;
  readonly p99: number;
};

/** An answer, as far as it is looked at. */
export type Answer = {
  readonly status: number;
  /** `null` if there is none. */
  readonly grpcStatus: string | null;
  readonly headers: Fields;
  readonly trailers: Fields;
  readonly body: Buffer;
};

/** Header or trailer fields, by their names in small letters. */
export type Fields = Readonly<Record<string, string>>;

/** Makes calls. */
export type Client = {
  /** Calls once; `worker` numbers whoever calls, who keeps to one connection. `done` is told of the answer, or why there is none. */
  readonly call: (worker: number, body: Uint8Array | null, done: Done) => void;
  readonly close: () => void;
};

/** Told of an answer, or of why there is none. */
export type Done = (answer: Answer | Error) => void;
