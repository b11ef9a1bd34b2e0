/** Watchers of the feed over bare HTTP/2, which take what they are told when they like. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { TestApp } from "./app.ts";

/** A call of `Watch`. */
export type RawWatcher = {
  /** How it ended: `grpc-status` and `grpc-message`, or `closed` and why. */
  readonly ended: Promise<{ readonly status: unknown; readonly message: unknown }>;
  readonly isOpen: () => boolean;
  /** Resolves with the first bytes that it is told. */
  readonly begun: Promise<unknown>;
  /** Takes nothing from now on, until it is resumed. */
  readonly pause: () => void;
  readonly resume: () => void;
};

/** A connection that takes no more than `windowBytes` of a stream before somebody reads it. */
export function openSession(app: Pick<TestApp, "url">, windowBytes = 65_535): ClientHttp2Session {
  const session = connect(app.url, { settings: { enablePush: false, initialWindowSize: windowBytes } });
  session.on("error", () => {});
  return session;
}

/** Begins to watch, from the beginning. */
export function watchRaw(session: ClientHttp2Session, apiKey: string): RawWatcher {
  const request = toBinary(WatchRequestSchema, create(WatchRequestSchema, {}));
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": "/sallyport.auth.v1.VerifierService/Watch",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: `Bearer ${apiKey}`,
  });
  let isOpen = true;
  stream.on("error", () => {});
  const ended = new Promise<{ status: unknown; message: unknown }>((resolve) => {
    stream.once("trailers", (trailers) =>
      resolve({ status: trailers["grpc-status"], message: trailers["grpc-message"] }),
    );
    stream.once("close", () => {
      isOpen = false;
      resolve({ status: "closed", message: stream.rstCode });
    });
  });
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
  return {
    ended,
    isOpen: () => isOpen,
    begun: new Promise((resolve) => stream.once("data", resolve)),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}
