/**
 * Services of gRPC itself that stand beside anybody's own: health and reflection.
 * They carry no option of ours, and tell nothing but what everybody may know.
 */
import type { DescService } from "@bufbuild/protobuf";

const TYPE_NAMES: ReadonlySet<string> = new Set([
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);

/** Whether it is one of the services that need no rule, since anyone may call them. */
export function isInfrastructure({ typeName }: Pick<DescService, "typeName">): boolean {
  return TYPE_NAMES.has(typeName);
}
