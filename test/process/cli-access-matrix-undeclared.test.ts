/** `sallyport access-matrix --reflection`, where what a server lists and what it describes do not go together. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { runHere } from "../support/command-here.ts";
import { complaintsOf, jsonLines } from "../support/installation.ts";
import { serveAnswers } from "../support/reflecting-server.ts";

const HEALTH = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];

function fileOf(file: MessageInitShape<typeof FileDescriptorProtoSchema>): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file));
}

/** A file that declares services of `shop.v1`, each with one method. */
function shopFile(name: string, services: readonly string[], method = "Buy"): Uint8Array {
  return fileOf({
    name,
    package: "shop.v1",
    service: services.map((one) => ({ name: one, method: [{ name: method }] })),
  });
}

/** Lists services, and describes each with these files; `null` for an error. */
function serve(described: Readonly<Record<string, readonly Uint8Array[] | null>>): Promise<string> {
  return serveAnswers(async function* (questions) {
    for await (const question of questions) {
      const { case: kind, value } = question.messageRequest;
      const files = typeof value === "string" ? described[value] : null;
      const service = Object.keys(described).map((name) => ({ name }));
      const messageResponse =
        kind === "listServices"
          ? { case: "listServicesResponse" as const, value: { service } }
          : files
            ? { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto: [...files] } }
            : { case: "errorResponse" as const, value: { errorCode: 5, errorMessage: "not found" } };
      yield { validHost: "", originalRequest: question, messageResponse };
    }
  });
}

const matrix = (url: string) => runHere(["access-matrix", "--json", "--reflection", url], {});

const SHOP = shopFile("shop.proto", ["Shop"]);
const UNDECLARED: readonly (readonly [string, Parameters<typeof serve>[0], string])[] = [
  [
    "with the file of another",
    { "shop.v1.Shop": [SHOP], "shop.v1.Till": [SHOP] },
    "shop.v1.Till, but does not describe it",
  ],
  ["with no file at all", { "shop.v1.Shop": [SHOP], "shop.v1.Till": [] }, "shop.v1.Till, but does not describe it"],
  ["with an empty file", { "shop.v1.Shop": [SHOP], "shop.v1.Till": [new Uint8Array()] }, "shop.v1.Till, but does not"],
  ["of another package", { "shop.v2.Shop": [SHOP] }, "shop.v2.Shop, but does not describe it"],
  ["without a package", { Shop: [SHOP] }, "Shop, but does not describe it"],
  [
    "as a service of a service",
    { "shop.v1.Shop": [SHOP], "shop.v1.Shop.Shop": [SHOP] },
    "shop.v1.Shop.Shop, but does not",
  ],
  [
    "and several of them, each of which is named",
    { "shop.v1.Till": [SHOP], "shop.v1.Shop": [SHOP], "shop.v1.Door": null, "grpc.channelz.v1.Channelz": null },
    "shop.v1.Till, shop.v1.Door, grpc.channelz.v1.Channelz, but does not describe them",
  ],
];

it.each(UNDECLARED)("A service that is listed, but described %s, makes no matrix", async (_what, described, said) => {
  const [complaint] = complaintsOf(69, [await matrix(await serve(described))]);
  expect(complaint).toContain(`sallyport: the server serves ${said}`);
  expect(complaint).toContain("use --descriptors");
});

it("A file that comes twice, and not the same, makes none either: one of the two may be the laxer", async () => {
  const other = shopFile("shop.proto", ["Shop", "Till"], "Sell");
  for (const described of [
    { "shop.v1.Shop": [SHOP], "shop.v1.Till": [other] },
    { "shop.v1.Shop": [SHOP, shopFile("shop.proto", ["Shop"], "Sell")] },
    { "shop.v1.Shop": [SHOP], "grpc.health.v1.Health": [shopFile("shop.proto", ["Shop"], "Sell")] },
  ]) {
    const [complaint] = complaintsOf(69, [await matrix(await serve(described))]);
    expect(complaint).toBe("sallyport: the server describes shop.proto twice, and not the same: use --descriptors\n");
  }
});

it("A service may be described by the answer about another one, by the same file again, or be health", async () => {
  const both = shopFile("shop.proto", ["Shop", "Till"]);
  const health = Object.fromEntries(HEALTH.map((name) => [name, null]));
  for (const described of [
    { ...health, "shop.v1.Shop": [both], "shop.v1.Till": [both] },
    { ...health, "shop.v1.Shop": [both], "shop.v1.Till": [] },
    { ...health, "shop.v1.Shop": null, "shop.v1.Till": [both] },
  ]) {
    const { code, stdout } = await matrix(await serve(described));
    // What was made up here states no rules.
    expect(code).toBe(1);
    expect(jsonLines(stdout).map((row) => Object(row).rpc)).toEqual(["shop.v1.Shop.Buy", "shop.v1.Till.Buy"]);
  }
});
