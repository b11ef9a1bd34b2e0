/** The access matrix: from files to rows. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { DescriptionError, servicesIn } from "../../src/access/described-services.ts";
import { accessMatrix, type KnownRole } from "../../src/access/matrix.ts";
import { faultLines, formatMatrix } from "../../src/access/matrix-format.ts";
import { fileOf, type Stated, serviceOf } from "../support/described.ts";

const ROLES: readonly KnownRole[] = [
  { name: "admin", grants: ["*"] },
  { name: "clerk", grants: ["orders:*", "stock:read"] },
  { name: "user", grants: [] },
  { name: "owner", grants: null },
];

/** The row of a method with this rule, or none. */
function rowOf(rule?: Stated, roles = ROLES) {
  const file = fileOf("Shop", [{ name: "Buy", ...(rule === undefined ? {} : { rule }) }]);
  const [row] = accessMatrix([serviceOf(file)], roles);
  if (row === undefined) throw new Error("no row");
  return row;
}

describe("Which role is enough", () => {
  const CASES: readonly (readonly [Stated, readonly (boolean | null)[]])[] = [
    [{ public: true }, [true, true, true, true]],
    [{ authenticated: true }, [true, true, true, true]],
    [{ maxAuthAge: { seconds: 1n } }, [true, true, true, true]],
    [{ anyRole: ["clerk"] }, [false, true, false, false]],
    [{ anyRole: ["clerk", "owner"] }, [false, true, false, true]],
    [{ allPermissions: ["orders:read"] }, [true, true, false, null]],
    [{ allPermissions: ["orders:read", "stock:write"] }, [true, false, false, null]],
    [{ allPermissions: ["orders"] }, [true, false, false, null]],
    [{ anyRole: ["clerk"], allPermissions: ["orders:eu:read"] }, [false, true, false, false]],
    [{ anyRole: ["clerk"], allPermissions: ["stock:write"] }, [false, false, false, false]],
    [{ anyRole: ["owner"], allPermissions: ["stock:write"] }, [false, false, false, null]],
  ];
  it.each(CASES)("is the guard's own verdict, by rule: %o", (stated, enough) => {
    expect(rowOf(stated)).toMatchObject({ enough, faults: [] });
  });

  it("is not said where there is no rule", () => {
    expect(rowOf()).toMatchObject({ rule: null, enough: [null, null, null, null] });
  });
});

describe("A fault", () => {
  it("is each unknown role that a rule names, beside known ones, too", () => {
    const row = rowOf({ anyRole: ["ghost", "clerk", "spook"] });
    expect(row.enough).toEqual([false, true, false, false]);
    expect(faultLines(row)).toEqual([
      "shop.v1.Shop.Buy names the role ghost, which is not known",
      "shop.v1.Shop.Buy names the role spook, which is not known",
    ]);
  });

  it("is a known role where none is known", () => {
    expect(faultLines(rowOf({ anyRole: ["admin"] }, []))).toHaveLength(1);
  });

  it("is no rule, or one that cannot stand", () => {
    expect(faultLines(rowOf())).toEqual(["shop.v1.Shop.Buy has no access rule"]);
    expect(faultLines(rowOf({}))).toEqual(["shop.v1.Shop.Buy: the access rule is empty"]);
  });

  it("is never that health has no rule", () => {
    for (const row of accessMatrix([Health], [])) expect(row).toMatchObject({ infrastructure: true, faults: [] });
  });
});

describe("A time", () => {
  it.each([
    [86_400n, 0, "1 d"],
    [7_200n, 0, "2 h"],
    [90n, 0, "90 s"],
    [60n, 0, "1 min"],
    [1n, 500_000_000, "1.5 s"],
  ])("of %d s and %d ns is spelled %s", (seconds, nanos, spelled) => {
    const row = rowOf({ maxAuthAge: { seconds, nanos } }, []);
    expect(formatMatrix([row], [], "text").split("\n")[1]).toBe(
      `shop.v1.Shop.Buy  password given within ${spelled}  local`,
    );
  });
});

describe("The services in files", () => {
  const shop = fileOf("Shop", [{ name: "Buy", rule: { public: true } }]);

  it("are found without the files that theirs import, and once where a file comes twice", () => {
    const found = servicesIn([shop, fileOf("Stock", [{ name: "Sync", streams: true }]), shop]);
    expect(found.map(({ typeName }) => typeName)).toEqual(["shop.v1.Shop", "shop.v1.Stock"]);
    const [buy, sync] = accessMatrix(found, []);
    expect([buy?.rule?.public, sync?.streams]).toEqual([true, "server_streaming"]);
  });

  it("are refused where one is described twice, and not the same: which one is served?", () => {
    const laxer = fileOf("Shop", [{ name: "Buy", rule: { authenticated: true } }]);
    expect(() => servicesIn([shop, laxer])).toThrow(DescriptionError);
    expect(() => servicesIn([laxer, shop])).toThrow("it describes shop.v1.Shop twice, and not the same");
  });

  it.each(["", "Buy.All", "Buy\n", "B\u202euy", "9Buy", "Buy|"])("are refused for a name that is none: %j", (name) => {
    expect(() => servicesIn([fileOf("Shop", [{ name }])])).toThrow(DescriptionError);
    expect(() => servicesIn([fileOf(name, [])])).toThrow(DescriptionError);
    expect(() => servicesIn([create(FileDescriptorProtoSchema, { ...shop, package: `shop..${name}` })])).toThrow(
      DescriptionError,
    );
  });

  it("of a set in which bytes were changed at random are some, or refused; nothing else comes of it", () => {
    const bytes = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [shop] }));
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = bytes.slice();
        for (const [at, to] of changes) changed[at] = to;
        const files = decoded(changed);
        const outcome = described(files);
        expect(["refused", "described"]).toContain(outcome);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The files in a set; none if it is no set. */
function decoded(bytes: Uint8Array) {
  try {
    return fromBinary(FileDescriptorSetSchema, bytes).file;
  } catch {
    return [];
  }
}

function described(files: ReturnType<typeof decoded>): string {
  try {
    const rows = accessMatrix(servicesIn(files), ROLES);
    // Whatever it is, it fits a terminal.
    expect(formatMatrix(rows, ROLES, "text")).toMatch(/^[ -~\n]*$/);
    return "described";
  } catch (error) {
    if (error instanceof DescriptionError) return "refused";
    throw error;
  }
}
