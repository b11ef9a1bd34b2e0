/**
 * The shorter ways of reading and writing messages come to what the library comes to,
 * or leave it to the library. SALLYPORT_TEST_SEED repeats a run.
 */
import { create, type DescMethod, type DescMethodUnary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import {
  AuthorizeRequestSchema,
  AuthorizeResponseSchema,
  AuthService,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { createCodecs } from "../../src/server/unary/codec.ts";
import { createDecoder } from "../../src/server/unary/decoder.ts";
import { createEncoder } from "../../src/server/unary/encoder.ts";
import { createJsonReader } from "../../src/server/unary/json-reader.ts";
import { createJsonWriter } from "../../src/server/unary/json-writer.ts";
import { SEED } from "../support/agreement-generated.ts";
import { anyMessage, bentBytes, bentText, JSON_OPTIONS } from "../support/agreement-messages.ts";

const METHODS = [AuthService, AccountService, AdminService]
  .flatMap(({ methods }): readonly DescMethod[] => methods)
  .filter(isUnary)
  .map((method) => ({ name: method.name, method }));
const RUNS = { numRuns: 100, seed: SEED };
const ROOM = 5;
const REQUEST_BYTES = 64 * 1024;

function libraryOf(method: DescMethodUnary) {
  const limits = { readMaxBytes: REQUEST_BYTES, writeMaxBytes: 1024 * 1024 };
  const lookup = createMethodSerializationLookup(method, undefined, JSON_OPTIONS, limits);
  return {
    binary: { in: lookup.getI(true), out: lookup.getO(true) },
    json: { in: lookup.getI(false), out: lookup.getO(false) },
  };
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

/** Messages that the library is able to write in both ways. */
function sendable(method: DescMethodUnary) {
  const { binary, json } = libraryOf(method);
  return anyMessage(method.input).filter((message) => {
    const written = [outcomeOf(() => binary.in.serialize(message)), outcomeOf(() => json.in.serialize(message))];
    return written.every((bytes) => bytes instanceof Uint8Array);
  });
}

/** What came of it, or the words in which it was refused. */
function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return String(error);
  }
}

describe(`with the seed ${SEED}`, () => {
  describe.each(METHODS)("$name", ({ method }) => {
    const ours = createCodecs(method, JSON_OPTIONS);
    const library = libraryOf(method);

    test("its requests are read alike in binary, however they are bent", () => {
      const bodies = sendable(method).chain((message) => bentBytes(toBinary(method.input, message)));
      fc.assert(
        fc.property(bodies, (body) => {
          const read = outcomeOf(() => ours.binary.parse(Buffer.from(body)));
          expect(read).toStrictEqual(outcomeOf(() => library.binary.in.parse(Buffer.from(body))));
        }),
        RUNS,
      );
    });

    test("its requests are read alike in JSON, however they are bent", () => {
      const bodies = sendable(method)
        .map((message) => Buffer.from(library.json.in.serialize(message)).toString())
        .chain(bentText);
      fc.assert(
        fc.property(bodies, (body) => {
          const read = outcomeOf(() => ours.json.parse(Buffer.from(body)));
          expect(read).toStrictEqual(outcomeOf(() => library.json.in.parse(Buffer.from(body))));
        }),
        RUNS,
      );
    });

    test("its answers are written alike, byte for byte", () => {
      fc.assert(
        fc.property(anyMessage(method.output), (message) => {
          const binary = outcomeOf(() =>
            Buffer.from(ours.binary.serialize(message, ROOM)).subarray(ROOM).toString("hex"),
          );
          expect(binary).toBe(outcomeOf(() => Buffer.from(library.binary.out.serialize(message)).toString("hex")));
          const json = outcomeOf(() => Buffer.from(ours.json.serialize(message, 0)).toString("hex"));
          expect(json).toBe(outcomeOf(() => Buffer.from(library.json.out.serialize(message)).toString("hex")));
        }),
        RUNS,
      );
    });
  });
});

test("what clients write for Authorize, and what it answers, takes the shorter ways", () => {
  const { input, output } = AuthService.method.authorize;
  const request = create(AuthorizeRequestSchema, { accessToken: "a.b.c", audience: "ä", anyRole: ["user", "admin"] });
  expect(createDecoder(input)?.(Buffer.from(toBinary(input, request)))).toStrictEqual(request);
  expect(createJsonReader(input)?.(Buffer.from(toJsonString(input, request)))).toStrictEqual(request);
  const granted = {
    principal: { userId: "usr_1", roles: ["user"], expiresAt: { seconds: 1n } },
    cacheFor: { nanos: 5 },
  };
  const response = create(AuthorizeResponseSchema, { decision: { case: "granted", value: granted } });
  expect(createEncoder(output)?.(response, 0)).toStrictEqual(Buffer.from(toBinary(output, response)));
  expect(createJsonWriter(output)?.(response)).toBe(toJsonString(output, response));
});
