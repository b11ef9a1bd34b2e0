/** `grpcurl`, which learns the contract from the server by reflection. */
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { grpcurl } from "./support/clients.ts";
import { type Answer, connectError, describeCommandLine, describeCommandLineOn } from "./support/command-line.ts";
import { mustRun, run } from "./support/programs.ts";
import { startTarget, startTlsTarget } from "./support/target.ts";

const program = grpcurl() ?? "grpcurl";
/** As its documentation says: 64 and the code of the RPC. */
const FIRST_RPC_CODE = 64;

describeCommandLine("grpcurl", ({ address }, ...call) => callBy(["-plaintext"], address, ...call));
describeCommandLineOn(startTlsTarget, "grpcurl over TLS", ({ address, caFile }, ...call) =>
  callBy(["-cacert", caFile], address, ...call),
);

async function callBy(
  flags: readonly string[],
  address: string,
  method: string,
  message: JsonObject,
  headers: readonly string[],
): Promise<Answer> {
  const { code, stdout, stderr } = await run(program, [
    ...[...flags, "-d", JSON.stringify(message)],
    ...headers.flatMap((header) => ["-rpc-header", header]),
    ...[address, `sallyport.auth.v1.${method}`],
  ]);
  if (code === 0) return { message: JSON.parse(stdout) };
  if (code === null || code < FIRST_RPC_CODE) throw new Error(`grpcurl ended with ${code}: ${stderr}`);
  const name = /Code: (\w+)/.exec(stderr)?.[1] ?? "";
  const details = [...stderr.matchAll(/"@value": "([^"]+)"/g)].map(([, value]) => ({ value }));
  const snake = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
  return connectError(JSON.stringify({ code: snake, message: stderr, details }));
}

it("grpcurl comes in over mTLS, as the service that its certificate stands for, and not without", async () => {
  const { address, caFile, certFile, keyFile, close } = await startTlsTarget({ mutual: true });
  const listUsers = [address, "sallyport.auth.v1.AdminService/ListUsers"];
  const identity = ["-cert", certFile, "-key", keyFile];
  expect(JSON.parse(await mustRun(program, ["-cacert", caFile, ...identity, ...listUsers]))).toEqual({});
  const nobody = await run(program, ["-cacert", caFile, "-connect-timeout", "2", ...listUsers]);
  const stranger = await run(program, [...identity, "-connect-timeout", "2", ...listUsers]);
  const cleartext = await run(program, ["-plaintext", "-connect-timeout", "2", ...listUsers]);
  for (const { code, stdout } of [nobody, stranger, cleartext]) {
    expect(stdout).toBe("");
    expect(code).not.toBe(0);
  }
  await close();
});

it("grpcurl lists the services, describes a method and asks for health, all by reflection", async () => {
  const target = await startTarget();
  const ask = (...args: string[]) => mustRun(program, ["-plaintext", target.address, ...args]);
  expect((await ask("list")).split("\n")).toContain("sallyport.auth.v1.AuthService");
  expect(await ask("describe", "sallyport.auth.v1.AuthService.Login")).toContain(
    "rpc Login ( .sallyport.auth.v1.LoginRequest ) returns ( .sallyport.auth.v1.LoginResponse );",
  );
  expect(JSON.parse(await ask("grpc.health.v1.Health/Check"))).toEqual({ status: "SERVING" });
  await target.close();
});

it("grpcurl is told of a service that does not exist, and gives up at its deadline", async () => {
  const target = await startTarget();
  const unknown = await run(program, ["-plaintext", target.address, "describe", "nobody.v1.Nothing"]);
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("not found") });
  const watch = ["-plaintext", "-max-time", "0.3", target.address, "grpc.health.v1.Health/Watch"];
  const late = await run(program, watch);
  expect(late).toMatchObject({ code: FIRST_RPC_CODE + 4, stdout: expect.stringContaining("SERVING") });
  await target.close();
});
