/**
 * One call of grpc-js behind the guard. The handler hears nothing of it before it is admitted. When it
 * must end, the status goes out, the handler is told at once, and nothing passes between the two any more.
 */
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Principal } from "../../check/decision.ts";
import { Refusal } from "../../errors.ts";
import type { Admit, Admitted } from "../guard/admission.ts";
import { statusOf } from "./status.ts";

/** What a handler may know of its call. */
export type Known = { readonly principal: Principal | null; readonly signal: AbortSignal };

/** The guard as a call meets it. */
export type CallGuard = {
  readonly path: string;
  /** Whether messages stream, either way: then it may have to end early. */
  readonly streams: boolean;
  readonly admit: Admit;
  /** Keeps what handlers may know, by what they have of their call. */
  readonly known: WeakMap<Metadata, Known>;
};

type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/** The call as its handler is to see it. */
export function guardedCall(call: ServerInterceptingCallInterface, guard: CallGuard): ServerInterceptingCallInterface {
  const controller = new AbortController();
  const { signal } = controller;
  /** What the guard ended it with. */
  let ended: Refusal | null = null;
  let stopFollowing = () => {};

  async function open(metadata: Metadata, listener: Listener): Promise<void> {
    const admitted = await admissionOf(metadata);
    if (admitted === null || signal.aborted) return;
    guard.known.set(metadata, { principal: admitted.principal, signal });
    if (guard.streams && admitted.follow !== null) stopFollowing = admitted.follow((refusal) => end(refusal, listener));
    if (ended === null) listener.onReceiveMetadata(metadata);
  }

  async function admissionOf(metadata: Metadata): Promise<Admitted | null> {
    const authorization = metadata.get("authorization").map(String);
    try {
      return await guard.admit({ path: guard.path, authorization, signal });
    } catch (error) {
      refuse(error instanceof Refusal ? error : new Refusal("UNAVAILABLE", { cause: error }));
      return null;
    }
  }

  function refuse(refusal: Refusal): void {
    ended = refusal;
    call.sendStatus(statusOf(refusal));
  }

  function end(refusal: Refusal, listener: Listener): void {
    if (ended !== null || signal.aborted) return;
    refuse(refusal);
    // grpc-js tells the handler when the client has read everything, which it may never do. Not
    // from here, though: what a handler throws is no concern of whoever follows tokens.
    process.nextTick(cancel, listener);
  }

  function cancel(listener: Listener): void {
    if (signal.aborted) return;
    stopFollowing();
    controller.abort(ended ?? new Error("the call is over"));
    listener.onCancel();
  }

  return {
    start(listener) {
      call.start({
        onReceiveMetadata: (metadata) => void open(metadata, listener),
        onReceiveMessage: (message) => (ended !== null ? undefined : listener.onReceiveMessage(message)),
        onReceiveHalfClose: () => (ended !== null ? undefined : listener.onReceiveHalfClose()),
        onCancel: () => cancel(listener),
      });
    },
    sendMetadata: (metadata) => (ended !== null ? undefined : call.sendMetadata(metadata)),
    sendMessage: (message, sent) => (ended !== null ? undefined : call.sendMessage(message, sent)),
    sendStatus(status) {
      stopFollowing();
      if (ended === null) call.sendStatus(status);
    },
    startRead: () => (ended !== null ? undefined : call.startRead()),
    getPeer: () => call.getPeer(),
    getDeadline: () => call.getDeadline(),
    getHost: () => call.getHost(),
    getAuthContext: () => call.getAuthContext(),
    getConnectionInfo: () => call.getConnectionInfo(),
    getMetricsRecorder: () => call.getMetricsRecorder(),
  };
}
