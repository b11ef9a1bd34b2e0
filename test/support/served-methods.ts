/** Every RPC that the port answers: the contract's, and what clients expect beside it. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { servicesOfContract } from "./contract.ts";

const SERVICES: readonly DescService[] = [
  ...(await servicesOfContract()),
  Health,
  ServerReflection,
  ServerReflectionAlpha,
];

/** A method and the path of its calls. */
export type ServedMethod = { readonly path: string; readonly method: DescMethod };

/** All of them. */
export const SERVED_METHODS: readonly ServedMethod[] = SERVICES.flatMap(({ typeName, methods }) =>
  methods.map((method) => ({ path: `/${typeName}/${method.name}`, method })),
);
