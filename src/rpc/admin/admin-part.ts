import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/sallyport/auth/v1/admin_service_pb.ts";

type Impl = ServiceImpl<typeof AdminService>;

/** Some of the RPCs of `AdminService`. */
export type AdminPart<Method extends keyof Impl> = Pick<Impl, Method>;
