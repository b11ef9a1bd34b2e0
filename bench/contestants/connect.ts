/** The bare Connect adapter for Node: no interceptors, one method that answers with the same message. */
import { createServer } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AuthorizeResponseSchema, AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { readRecording, tellPort } from "./part.ts";

const answer = fromBinary(AuthorizeResponseSchema, readRecording().body.subarray(5));
const server = createServer(
  connectNodeAdapter({ routes: (router) => void router.service(AuthService, { authorize: () => answer }) }),
);
server.listen(0, "127.0.0.1", () => tellPort(server.address()));
