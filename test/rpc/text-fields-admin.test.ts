import { create, type JsonValue } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ListRolesRequestSchema, SetRoleRequestSchema } from "../../gen/sallyport/auth/v1/admin_roles_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import {
  CreateServiceRequestSchema,
  ListServicesRequestSchema,
} from "../../gen/sallyport/auth/v1/admin_services_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus } from "../support/chorus.ts";
import { contracted, METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import type { Outcome } from "../support/outcomes.ts";
import { describeTextFields } from "../support/text-field-suite.ts";
import { CLASS_TEXTS } from "../support/unicode-classes.ts";

/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

describeTextFields(METHODS.filter(({ method }) => method.parent !== AuthService));

describe("A role and a service, of whatever name is accepted", () => {
  const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
  const { setRole, createService, listRoles, listServices } = AdminService.method;
  let chorus: Chorus;
  beforeAll(async () => {
    chorus = await startChorus();
  });
  afterAll(() => chorus.close());

  /** The texts that were accepted; fails unless all others were refused by the rules for these fields. */
  function accepted(outcomes: readonly Outcome[]): readonly string[] {
    return TEXTS.filter((text, index) => {
      const refusal = outcomes[index]?.refusal ?? null;
      if (refusal !== null) {
        expect([text, refusal.code, refusal.reason]).toEqual([text, "InvalidArgument", "REQUEST_INVALID"]);
        expect(refusal.fields.join()).toMatch(/^name|permissions/);
      }
      return refusal === null;
    });
  }

  it("are listed by that name with what they may do, by every protocol alike", LONG, async () => {
    const definitions = TEXTS.map((text) => ({ name: text, permissions: [text] }));
    const made = accepted(
      await chorus.each(
        contracted(setRole),
        definitions.map((definition) => create(SetRoleRequestSchema, definition)),
      ),
    );
    const served = accepted(
      await chorus.each(
        contracted(createService),
        definitions.map((definition) => create(CreateServiceRequestSchema, definition)),
      ),
    );
    expect(served).toEqual(made);
    const [roles] = await chorus.each(contracted(listRoles), [create(ListRolesRequestSchema, { pageSize: 100 })]);
    const [services] = await chorus.each(contracted(listServices), [
      create(ListServicesRequestSchema, { pageSize: 100 }),
    ]);
    const asMade = [...made].sort().map((text) => [text, text]);
    expect(namesAndPermissions(roles?.answer ?? null, "roles")).toEqual(asMade);
    expect(namesAndPermissions(services?.answer ?? null, "services")).toEqual(asMade);
    expect(made).toContain("undefined");
    expect(made.every((text) => /^[a-z][a-z0-9_.-]*$/.test(text))).toBe(true);
  });
});

/** Each name in a list, in order, with what it may do; but for what is built in. */
function namesAndPermissions(answer: JsonValue, list: string): readonly (readonly string[])[] {
  const lists: Record<string, { name: string; permissions: string[]; builtIn?: boolean }[]> = JSON.parse(
    JSON.stringify(answer),
  );
  return (lists[list] ?? [])
    .filter(({ builtIn }) => builtIn !== true)
    .map(({ name, permissions }) => [name, ...permissions])
    .sort();
}
