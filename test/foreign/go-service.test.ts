/** A Go service over grpc-go, by examples/go-service. */
import { describeDelegating } from "./support/delegating-suite.ts";

describeDelegating({
  name: "A Go service that delegates",
  example: "go-service",
  // Its modules are in Go's own cache.
  prepare: () => {},
  needless: /^$/,
  command: ["orders"],
});
