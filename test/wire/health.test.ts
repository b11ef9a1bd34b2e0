/** grpc.health.v1, asked by the stock client of Node. */
import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { BOUNDS } from "../../src/server/bounds.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const AUTH = "sallyport.auth.v1.AuthService";

function healthClient(port: number) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

function unary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: { readonly name: string; readonly input: I; readonly output: O },
  init: MessageInitShape<I>,
): Promise<{ error: ServiceError | null; value: MessageShape<O> | undefined }> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      `/grpc.health.v1.Health/${method.name}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, init),
      new Metadata(),
      (error, value) => resolve({ error, value }),
    );
  });
}

function watch(client: Client, service: string) {
  const { input, output } = Health.method.watch;
  const seen: number[] = [];
  const stream = client.makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    (message: MessageShape<typeof input>) => Buffer.from(toBinary(input, message)),
    (bytes: Buffer) => fromBinary(output, bytes),
    create(input, { service }),
    new Metadata(),
  );
  stream.on("data", (message: MessageShape<typeof output>) => seen.push(message.status));
  const ended = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
  return { seen, ended, stream };
}

const { check, list } = Health.method;

test("Check reports the whole server and each of its services", async () => {
  const { port } = await startWireServer();
  const client = healthClient(port);
  for (const service of ["", AUTH]) {
    expect((await unary(client, check, { service })).value).toMatchObject({ status: Status.SERVING });
  }
});

test("Check of a service that is not here is NOT_FOUND", async () => {
  const { port } = await startWireServer();
  const { error } = await unary(healthClient(port), check, { service: "nobody.v1.Nothing" });
  expect(error).toMatchObject({ code: status.NOT_FOUND });
});

test("Check is NOT_SERVING while the process is not ready", async () => {
  const { port } = await startWireServer({ isReady: () => false });
  const client = healthClient(port);
  for (const service of ["", AUTH]) {
    expect((await unary(client, check, { service })).value).toMatchObject({ status: Status.NOT_SERVING });
  }
});

test("List tells of everything that Check knows", async () => {
  const { port } = await startWireServer();
  const { value } = await unary(healthClient(port), list, {});
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
  const { seen } = watch(healthClient(port), AUTH);
  await until(() => seen.length === 1, "the first status");
  ready = false;
  await until(() => seen.length === 2, "the second status");
  ready = true;
  await until(() => seen.length === 3, "the third status");
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
});

test("Watch of a service that is not here says so, and goes on", async () => {
  const server = await startWireServer({ timeouts: { healthMs: 10 } });
  const { seen, ended, stream } = watch(healthClient(server.port), "nobody.v1.Nothing");
  await until(() => seen.length === 1, "a status");
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(seen).toEqual([Status.SERVICE_UNKNOWN]);
  stream.cancel();
  expect(await ended).toMatchObject({ code: status.CANCELLED });
});

test("a stop turns Check to NOT_SERVING while calls are still taken, tells the watchers, and ends their streams", async () => {
  const { port, server } = await startWireServer({ config: { shutdownDelayMs: 300 }, timeouts: { healthMs: 10 } });
  const client = healthClient(port);
  const { seen, ended } = watch(client, "");
  await until(() => seen.length === 1, "the first status");
  const closed = server.close();
  expect((await unary(client, check, { service: AUTH })).value).toMatchObject({ status: Status.NOT_SERVING });
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  await closed;
});

test("watchers above the bound are refused, and each that leaves makes room", async () => {
  const { port } = await startWireServer();
  const client = healthClient(port);
  const watchers = Array.from({ length: BOUNDS.healthWatchers }, () => watch(client, ""));
  await until(() => watchers.every(({ seen }) => seen.length === 1), "all watchers to be told");
  expect(await watch(client, "").ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  const [leaving] = watchers;
  leaving?.stream.cancel();
  await leaving?.ended;
  let next = watch(client, "");
  for (let tries = 0; next.seen.length === 0 && tries < 100; tries += 1) {
    const refused = await Promise.race([next.ended.then(() => true), until(() => next.seen.length, "a status")]);
    if (refused === true) next = watch(client, "");
  }
  expect(next.seen).toEqual([Status.SERVING]);
});
