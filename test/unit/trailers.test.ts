/** Trailers of HTTP/2, sent as Node does it, or as it once did. */
import { constants } from "node:http2";
import { describe, expect, it } from "vitest";
import { OK_TRAILERS } from "../../src/server/unary/answers.ts";
import { createSendTrailers } from "../../src/server/unary/one-write.ts";

/** Where a stream keeps what is beneath it. */
const KEY = Symbol("kHandle");

/** A stream as Node makes it, with what is beneath it; the trailers that it was told itself, and the codes it was closed with. */
function streamOf(beneath: object) {
  const told: unknown[] = [];
  const closed: unknown[] = [];
  const sendTrailers = (trailers: unknown) => void told.push(trailers);
  return {
    stream: Object({ sendTrailers, close: (code: unknown) => void closed.push(code), ...beneath }),
    told,
    closed,
  };
}

describe("Trailers go out as Node sends them", () => {
  it.each([
    ["where nothing is beneath a stream", {}],
    ["where what is beneath a stream is gone", { [KEY]: undefined }],
    ["where what is beneath a stream sends no trailers", { [KEY]: {} }],
    ["where something else is in that place", { [KEY]: { trailers: "none" } }],
  ])("%s", (_where, beneath) => {
    const sendTrailers = createSendTrailers();
    const { stream, told } = streamOf(beneath);
    sendTrailers(stream, OK_TRAILERS);
    sendTrailers(stream, OK_TRAILERS);
    expect(told).toEqual([OK_TRAILERS, OK_TRAILERS]);
  });

  it("if they are not those of every call that succeeds", () => {
    const sendTrailers = createSendTrailers();
    const { stream, told } = streamOf({ [KEY]: { trailers: () => 0 } });
    const others = { "grpc-status": "0" };
    sendTrailers(stream, others);
    sendTrailers(stream, others);
    expect(told).toEqual([others, others]);
  });
});

it("A stream that takes none is closed", () => {
  const { stream, closed } = streamOf({});
  stream.sendTrailers = () => {
    throw new Error("the stream is over");
  };
  createSendTrailers()(stream, OK_TRAILERS);
  expect(closed).toEqual([constants.NGHTTP2_INTERNAL_ERROR]);
});

it("Trailers of a call that succeeded are given as Node has given them once, and only then", () => {
  const heard: unknown[][] = [];
  let outcome = 0;
  class Handle {
    trailers(...words: unknown[]): number {
      heard.push(words);
      return outcome;
    }
  }
  const sendTrailers = createSendTrailers();
  const first = new Handle();
  const second = new Handle();
  const { stream, told, closed } = streamOf({ [KEY]: first });
  sendTrailers(stream, OK_TRAILERS);
  // Node has not come to it yet: another stream that asks now is answered by Node, too.
  const other = streamOf({ [KEY]: second });
  sendTrailers(other.stream, OK_TRAILERS);
  expect([told, other.told, heard]).toEqual([[OK_TRAILERS], [OK_TRAILERS], []]);
  const words = [["in words of its own", 1]];
  expect(first.trailers(...words)).toBe(0);
  expect(second.trailers(...words)).toBe(0);
  expect(heard).toEqual([words, words]);
  sendTrailers(stream, OK_TRAILERS);
  expect(heard).toEqual([words, words, words]);
  expect(told).toEqual([OK_TRAILERS]);
  outcome = -520;
  sendTrailers(stream, OK_TRAILERS);
  expect([told, closed]).toEqual([[OK_TRAILERS], [constants.NGHTTP2_INTERNAL_ERROR]]);
});
