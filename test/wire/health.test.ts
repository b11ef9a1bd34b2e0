/** grpc.health.v1, asked by the stock client of Node. */
import { type Client, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { BOUNDS } from "../../src/server/bounds.ts";
import { grpcClient, grpcServerStream, grpcUnary } from "../support/wire-grpc.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const AUTH = "sallyport.auth.v1.AuthService";

function watch(client: Client, service: string) {
  const { stream, seen, ended } = grpcServerStream(client, Health.method.watch, { service });
  return { stream, ended, seen: () => seen.map((message) => message.status) };
}

const { check, list } = Health.method;

test("Check reports the whole server and each of its services", async () => {
  const { port } = await startWireServer();
  const client = grpcClient(port);
  for (const service of ["", AUTH]) {
    expect((await grpcUnary(client, check, { service })).value).toMatchObject({ status: Status.SERVING });
  }
});

test("Check of a service that is not here is NOT_FOUND", async () => {
  const { port } = await startWireServer();
  const { error } = await grpcUnary(grpcClient(port), check, { service: "nobody.v1.Nothing" });
  expect(error).toMatchObject({ code: status.NOT_FOUND });
});

test("Check is NOT_SERVING while the process is not ready", async () => {
  const { port } = await startWireServer({ isReady: () => false });
  const client = grpcClient(port);
  for (const service of ["", AUTH]) {
    expect((await grpcUnary(client, check, { service })).value).toMatchObject({ status: Status.NOT_SERVING });
  }
});

test("List tells of everything that Check knows", async () => {
  const { port } = await startWireServer();
  const { value } = await grpcUnary(grpcClient(port), list, {});
  expect(Object.keys(value?.statuses ?? {}).sort()).toEqual([
    "",
    "sallyport.auth.v1.AccountService",
    "sallyport.auth.v1.AdminService",
    AUTH,
  ]);
  expect(value?.statuses[AUTH]?.status).toBe(Status.SERVING);
});

test("Watch tells the status at once, and then each change", async () => {
  let ready = true;
  const { port } = await startWireServer({ isReady: () => ready, timeouts: { healthMs: 10 } });
  const { seen } = watch(grpcClient(port), AUTH);
  await until(() => seen().length === 1, "the first status");
  ready = false;
  await until(() => seen().length === 2, "the second status");
  ready = true;
  await until(() => seen().length === 3, "the third status");
  expect(seen()).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
});

test("Watch of a service that is not here says so, and goes on", async () => {
  const server = await startWireServer({ timeouts: { healthMs: 10 } });
  const { seen, ended, stream } = watch(grpcClient(server.port), "nobody.v1.Nothing");
  await until(() => seen().length === 1, "a status");
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(seen()).toEqual([Status.SERVICE_UNKNOWN]);
  stream.cancel();
  expect(await ended).toMatchObject({ code: status.CANCELLED });
});

test("a stop turns Check to NOT_SERVING while calls are still taken, tells the watchers, and ends their streams", async () => {
  const { port, server } = await startWireServer({ config: { shutdownDelayMs: 3_000 }, timeouts: { healthMs: 10 } });
  const client = grpcClient(port);
  const { seen, ended } = watch(client, "");
  await until(() => seen().length === 1, "the first status");
  const closed = server.close();
  expect((await grpcUnary(client, check, { service: AUTH })).value).toMatchObject({ status: Status.NOT_SERVING });
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(seen()).toEqual([Status.SERVING, Status.NOT_SERVING]);
  await closed;
});

test("a stop without delay is told to the watchers all the same", async () => {
  const { port, server } = await startWireServer();
  const { seen, ended } = watch(grpcClient(port), AUTH);
  await until(() => seen().length === 1, "the first status");
  const closed = server.close();
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(seen()).toEqual([Status.SERVING, Status.NOT_SERVING]);
  await closed;
});

test("watchers above the bound are refused, and each that leaves makes room", async () => {
  const { port } = await startWireServer();
  const client = grpcClient(port);
  const watchers = Array.from({ length: BOUNDS.healthWatchers }, () => watch(client, ""));
  await until(() => watchers.every(({ seen }) => seen().length === 1), "all watchers to be told");
  expect(await watch(client, "").ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  const [leaving] = watchers;
  leaving?.stream.cancel();
  await leaving?.ended;
  let next = watch(client, "");
  for (let tries = 0; next.seen().length === 0 && tries < 100; tries += 1) {
    const refused = await Promise.race([next.ended.then(() => true), until(() => next.seen().length, "a status")]);
    if (refused === true) next = watch(client, "");
  }
  expect(next.seen()).toEqual([Status.SERVING]);
});
