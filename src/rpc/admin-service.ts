import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { type AdminKeysDeps, createAdminKeys } from "./admin/admin-keys.ts";
import { type AdminRolesDeps, createAdminRoles } from "./admin/admin-roles.ts";
import { type AdminServicesDeps, createAdminServices } from "./admin/admin-services.ts";
import { type AdminSessionsDeps, createAdminSessions } from "./admin/admin-sessions.ts";
import { type AdminUsersDeps, createAdminUsers } from "./admin/admin-users.ts";

type AdminServiceDeps = AdminUsersDeps & AdminSessionsDeps & AdminRolesDeps & AdminServicesDeps & AdminKeysDeps;

/** `AdminService`: users, sessions, roles, service credentials and keys. */
export function createAdminService(deps: AdminServiceDeps): ServiceImpl<typeof AdminService> {
  return {
    ...createAdminUsers(deps),
    ...createAdminSessions(deps),
    ...createAdminRoles(deps),
    ...createAdminServices(deps),
    ...createAdminKeys(deps),
  };
}
