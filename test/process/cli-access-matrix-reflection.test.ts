/** `sallyport access-matrix --reflection`, against servers of all kinds. */
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp1Server } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, temporaryFolder } from "../support/app.ts";
import { createAuthority, issueServer } from "../support/certificates.ts";
import { runHere } from "../support/command-here.ts";
import { concurrently } from "../support/concurrently.ts";
import { buildDescriptorSet, SHOP } from "../support/descriptor-set.ts";
import { freePort } from "../support/free-port.ts";
import { complaintsOf, jsonLines } from "../support/installation.ts";
import { serveAnswers, serveReflection } from "../support/reflecting-server.ts";
import { runCommand } from "../support/server-process.ts";

const KEY = "sallyport_svk_this-key-is-shown-nowhere";

let folder: string;
/** The descriptor set of {@link SHOP}, as a file and as bytes. */
let shop: string;
let bytes: Buffer;
/** The matrix of the shop as its descriptor set has it. */
let known: string;
beforeAll(async () => {
  folder = temporaryFolder();
  shop = buildDescriptorSet(folder, { "shop/v1/shop.proto": SHOP });
  bytes = readFileSync(shop);
  const { code, stdout } = await matrix("--descriptors", shop, ...ROLES);
  expect(code).toBe(0);
  known = stdout;
});
afterAll(() => rmSync(folder, { recursive: true }));

const ROLES = ["--roles", "clerk,owner"];
const settings = (more: Readonly<Record<string, string>> = {}) => ({
  SALLYPORT_DATA_DIR: join(folder, "never-made"),
  ...more,
});
const matrix = (...args: readonly string[]) => runHere(["access-matrix", ...args], settings());
/** In a process of its own: a connection that is left open would keep it from ending. */
const ended = (...args: readonly string[]) => runCommand(["access-matrix", ...args], settings());
const reflected = (url: string, ...args: readonly string[]) => matrix("--reflection", url, ...args);

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

describe("A server that tells by reflection what it serves", () => {
  it("is Sallyport, whose matrix is the one that needs no server", async () => {
    const app = await startApp();
    onTestFinished(() => app.close());
    const asked = await reflected(app.url, "--json");
    expect([asked.code, asked.stderr]).toEqual([0, ""]);
    expect(asked.stdout).toBe((await matrix("--json")).stdout);
  });

  it.each([
    ["v1", ended],
    ["v1alpha", matrix],
  ] as const)("is anybody's, over %s", async (version, run) => {
    const url = await serveReflection(bytes, { versions: [version] });
    const { code, stdout, stderr } = await run("--reflection", url, ...ROLES, "--service", "shop.v1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(known);
  });

  it("may want an API key, which comes from standard input", async () => {
    const url = await serveReflection(bytes, { authorization: `Bearer ${KEY}` });
    const args = ["access-matrix", "--reflection", url, "--api-key-stdin", "--service", "shop.v1", ...ROLES];
    const ask = (input: string) => runHere(args, settings(), input);
    const granted = await runCommand(args, settings(), `${KEY}\n`);
    expect([granted.code, granted.stderr, granted.stdout]).toEqual([0, "", known]);
    const refused = await Promise.all([reflected(url), ask(`${KEY}-not`)]);
    expect(complaintsOf(69, refused)).toEqual(
      Array(2).fill(
        `sallyport: ${url} refuses reflection to this caller: give an API key that may, with --api-key-stdin\n`,
      ),
    );
    const none = await Promise.all(["\n", "a key\nx: y", "schlüssel"].map(ask));
    expect(complaintsOf(2, none)).toEqual(
      Array(3).fill("sallyport: there is no API key on standard input; try: --api-key-stdin < orders.key\n"),
    );
  });

  it("may have a certificate: of an authority that is trusted here", async () => {
    const authority = await createAuthority();
    const url = await serveReflection(bytes, { pair: await issueServer(authority) });
    const ca = join(folder, "ca.crt");
    writeFileSync(ca, authority.cert);
    const args = ["access-matrix", "--reflection", url, "--service", "shop.v1", ...ROLES];
    const trusted = await runCommand(args, settings({ NODE_EXTRA_CA_CERTS: ca }));
    expect([trusted.code, trusted.stderr, trusted.stdout]).toEqual([0, "", known]);
    const [complaint] = complaintsOf(69, [await runHere(args, settings())]);
    expect(complaint).toMatch(/^sallyport: https:\S+ cannot be asked over gRPC: .*certificate/);
  });

  it("may drop the options, as that of @grpc/reflection does: then another way is shown", async () => {
    const definition = loadSync("shop/v1/shop.proto", { includeDirs: [join(folder, "protos")] });
    const server = new GrpcServer();
    onTestFinished(() => server.forceShutdown());
    new ReflectionService(definition).addToServer(server);
    const port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, at: number) => (error === null ? resolve(at) : reject(error));
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
    });
    const { code, stdout, stderr } = await reflected(`http://127.0.0.1:${port}`, "--json", "--service", "shop.v1");
    expect(code).toBe(1);
    expect(jsonLines(stdout)).toHaveLength(6);
    expect(stderr).toBe(`sallyport: 6 of 6 methods cannot be guarded as they stand:
  shop.v1.Shop.Browse has no access rule
  shop.v1.Shop.Buy has no access rule
  shop.v1.Shop.Refund has no access rule
  shop.v1.Shop.Follow has no access rule
  shop.v1.Shop.Upload has no access rule
  shop.v1.Stock.Sync has no access rule
  to mend it: state a rule next to the RPC, or a default_rule for its service
  to mend it: if the protos do state rules, this server's reflection drops options, as some do: use --descriptors
`);
  });
});

describe("A server that does not tell", () => {
  it("is none: nobody listens", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(complaintsOf(69, [await reflected(url)])).toEqual([
      expect.stringMatching(`^sallyport: ${url} cannot be asked over gRPC: .*ECONNREFUSED.*is that its address`),
    ]);
  });

  it("is silent at once, or takes the call first, and is waited for no longer than was said", async () => {
    const urls = [
      await listening(createTcpServer(() => {})),
      await serveAnswers(async function* () {
        await new Promise(() => {});
      }),
    ];
    const refused = await concurrently(2, urls, (url) => ended("--reflection", url, "--timeout", "0.5"));
    expect(complaintsOf(69, refused)).toEqual(urls.map((url) => `sallyport: ${url} did not answer within 0.5 s\n`));
  });

  it("has no reflection", async () => {
    const url = await serveReflection(bytes, { versions: [] });
    expect(complaintsOf(69, [await reflected(url)])).toEqual([
      `sallyport: ${url} has no gRPC reflection: turn it on there, or use --descriptors\n`,
    ]);
  });

  it("speaks HTTP/1.1 alone, or nothing of the kind", async () => {
    const urls = [
      await listening(createHttp1Server((_request, response) => response.end("hello"))),
      await listening(createTcpServer((socket) => socket.end("220 mail\x1b[2J ready\r\n"))),
    ];
    for (const url of urls) {
      const [complaint] = complaintsOf(69, [await reflected(url)]);
      expect(complaint).toMatch(/^sallyport: http:\S+ cannot be asked over gRPC: [ -~]+\n$/);
    }
  });

  it("lists a service that it does not describe, or nothing", async () => {
    const lists = (...names: readonly string[]) =>
      serveAnswers(async function* (questions) {
        for await (const question of questions) {
          const value = { service: names.map((name) => ({ name })) };
          const error = { errorCode: 5, errorMessage: "not found" };
          const messageResponse =
            question.messageRequest.case === "listServices"
              ? { case: "listServicesResponse" as const, value }
              : { case: "errorResponse" as const, value: error };
          yield { validHost: "", originalRequest: question, messageResponse };
        }
      });
    const [odd, bare, empty] = [
      await lists("shop.v1.\x1b[2JShop"),
      await lists("grpc.health.v1.Health"),
      await lists(),
    ];
    expect(complaintsOf(69, [await reflected(odd), await reflected(bare), await reflected(empty)])).toEqual([
      "sallyport: the server serves shop.v1. [2JShop, but does not describe it: use --descriptors\n",
      `sallyport: there is no service in what ${bare} tells by reflection\n`,
      `sallyport: there is no service in what ${empty} tells by reflection\n`,
    ]);
  });

  it("describes its services in what is none, or would do something to a terminal", async () => {
    const describes = (file: Uint8Array) =>
      serveAnswers(async function* (questions) {
        for await (const question of questions) {
          const messageResponse =
            question.messageRequest.case === "listServices"
              ? { case: "listServicesResponse" as const, value: { service: [{ name: "shop.v1.Shop" }] } }
              : { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto: [file] } };
          yield { validHost: "", originalRequest: question, messageResponse };
        }
      });
    const named = (name: string) =>
      toBinary(
        FileDescriptorProtoSchema,
        create(FileDescriptorProtoSchema, {
          name: "a",
          package: "shop.v1",
          service: [{ name: "Shop", method: [{ name }] }],
        }),
      );
    const urls = [await describes(Buffer.from("no descriptor")), await describes(named("Buy\x1b[2J"))];
    expect(complaintsOf(69, await Promise.all(urls.map((url) => reflected(url))))).toEqual([
      "sallyport: the server describes its services in bytes that are no descriptors\n",
      `sallyport: what ${urls[1]} tells by reflection cannot be used: it names services or methods as no protobuf compiler would\n`,
    ]);
  });
});

describe("An address that is none", () => {
  it.each(["127.0.0.1:8080", "nowhere", "", "ftp://127.0.0.1", "file:///etc/passwd", "http://127.0.0.1:1/?key=x"])(
    "is refused with exit code 2: %s",
    async (url) => {
      expect(complaintsOf(2, [await reflected(url)])).toEqual([
        "sallyport: --reflection takes an address such as http://127.0.0.1:8080 or https://api.example.com\n",
      ]);
    },
  );

  it("nor may it hold a password, which is not said again", async () => {
    const [complaint] = complaintsOf(2, [await reflected("https://ada:kites@127.0.0.1")]);
    expect(complaint).toBe(
      "sallyport: no credentials in the address of --reflection: give an API key with --api-key-stdin\n",
    );
  });
});
