/**
 * `grpc.reflection.v1` and `v1alpha` (gRPC Server Reflection Protocol): tells
 * generic clients what services there are, and hands out their descriptors.
 * The contract is public, so anybody may ask. The versions have the same
 * messages under different names, and here one implementation.
 */
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import type { ServerReflectionRequest } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflectionRequest as ServerReflectionRequestAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createDescriptorIndex } from "./descriptor-index.ts";

/** A question in either version. */
type Question = ServerReflectionRequest | ServerReflectionRequestAlpha;

/** What is answered, in the names that both versions share. */
type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** No RPC names them, but every refusal carries them: clients ask in order to show what it says. */
const ERROR_DETAILS = [file_google_rpc_error_details];

/**
 * Returns the implementation of `ServerReflectionInfo` in both versions.
 * @param services all that are served, those of health and reflection too.
 */
export function createReflection(services: readonly DescService[]) {
  const index = createDescriptorIndex([...services.map(({ file }) => file), ...ERROR_DETAILS]);

  function answer(question: Question["messageRequest"]): Answer {
    switch (question.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return files(index.fileByPath(question.value), question.value);
      case "fileContainingSymbol":
        return files(index.fileBySymbol(question.value), question.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        return files(index.fileByExtension(containingType, extensionNumber), `${containingType} ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType": {
        const numbers = index.extensionNumbers(question.value);
        if (numbers === null) return notFound(question.value);
        const value = { baseTypeName: question.value, extensionNumber: [...numbers] };
        return { case: "allExtensionNumbersResponse", value };
      }
      case undefined:
        return error(Code.InvalidArgument, "ask something");
    }
  }

  function files(file: DescFile | null, asked: string): Answer {
    if (file === null) return notFound(asked);
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto: index.serialized(file) } };
  }

  return async function* serverReflectionInfo<Q extends Question>(questions: AsyncIterable<Q>) {
    for await (const question of questions) {
      const messageResponse = answer(question.messageRequest);
      yield { validHost: question.host, originalRequest: question, messageResponse };
    }
  };
}

function notFound(asked: string): Answer {
  return error(Code.NotFound, `not found: ${asked}`);
}

function error(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
