/** `buf curl`, which learns the contract from the server by reflection, in each protocol that it speaks. */
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { type Answer, connectError, describeCommandLine, describeCommandLineOn } from "./support/command-line.ts";
import { mustRun, run } from "./support/programs.ts";
import { startTarget, startTlsTarget } from "./support/target.ts";

/** As its help says: eight times the code of the RPC. Less than eight is a fault of the run itself. */
const FIRST_RPC_CODE = 8;

type Asked = readonly [method: string, message: JsonObject, headers: readonly string[]];

for (const protocol of ["connect", "grpc", "grpcweb"]) {
  const call = async (flags: readonly string[], url: string, ...[method, message, headers]: Asked): Promise<Answer> => {
    const { code, stdout, stderr } = await run("buf", [
      ...["curl", ...flags, "--protocol", protocol, "--data", JSON.stringify(message)],
      ...headers.flatMap((header) => ["--header", header]),
      `${url}/sallyport.auth.v1.${method}`,
    ]);
    if (code === 0) return { message: JSON.parse(stdout) };
    if (code === null || code < FIRST_RPC_CODE) throw new Error(`buf curl ended with ${code}: ${stderr}`);
    return connectError(stderr);
  };
  describeCommandLine(`buf curl --protocol ${protocol}`, ({ url }, ...asked) => call([], url, ...asked));
  describeCommandLineOn(startTlsTarget, `buf curl --protocol ${protocol} over TLS`, ({ url, caFile }, ...asked) =>
    call(["--cacert", caFile], url, ...asked),
  );
}

it.each(["grpc-v1", "grpc-v1alpha"])("buf curl lists all services by reflection in %s", async (version) => {
  const target = await startTarget();
  const listed = await mustRun("buf", ["curl", "--list-services", "--reflect-protocol", version, target.url]);
  expect(listed.split("\n")).toEqual(
    expect.arrayContaining(
      ["AuthService", "AccountService", "AdminService"].map((name) => `sallyport.auth.v1.${name}`),
    ),
  );
  expect(listed).toContain("grpc.health.v1.Health");
  await target.close();
});
