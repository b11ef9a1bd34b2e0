/** A bare `@grpc/grpc-js` server: one method that answers with the same bytes, decoding and encoding nothing. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { AUTHORIZE_PATH, readRecording, tellPort } from "./part.ts";

/** Without the flag and the length before it, which the library writes. */
const message = readRecording().body.subarray(5);
const asIs = (bytes: Buffer) => bytes;
const server = new Server();
server.addService(
  {
    authorize: {
      path: AUTHORIZE_PATH,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  { authorize: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, message) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  tellPort({ port });
});
