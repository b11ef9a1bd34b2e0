import { describe, expect, it, onTestFinished } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp } from "../support/app.ts";
import { METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { welcomeAdmin } from "../support/people.ts";
import { describeTextFields } from "../support/text-field-suite.ts";
import { CLASS_TEXTS } from "../support/unicode-classes.ts";

describeTextFields(METHODS.filter(({ method }) => method.parent !== AuthService));

describe("A role and a service, of whatever name is accepted", () => {
  it("are listed by that name with what they may do", async () => {
    const app = await startApp();
    onTestFinished(() => app.close());
    const { admin } = await welcomeAdmin(app);
    const made: string[] = [];
    for (const text of new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])) {
      const definition = { name: text, permissions: [text] };
      const isMade = await admin.setRole(definition).then(
        () => true,
        () => false,
      );
      if (isMade) made.push(text);
      if (isMade) await admin.createService(definition);
      else await expect(admin.createService(definition)).rejects.toThrow(/name|permissions/);
    }
    const { roles } = await admin.listRoles({ pageSize: 100 });
    const { services } = await admin.listServices({ pageSize: 100 });
    const asMade = made.sort().map((text) => [text, text]);
    expect(roles.flatMap(({ name, permissions, builtIn }) => (builtIn ? [] : [[name, ...permissions]]))).toEqual(
      asMade,
    );
    expect(services.map(({ name, permissions }) => [name, ...permissions]).sort()).toEqual(asMade);
    expect(made).toContain("undefined");
    expect(made.every((text) => /^[a-z][a-z0-9_.-]*$/.test(text))).toBe(true);
  });
});
