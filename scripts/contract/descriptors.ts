/** The contract as its descriptors tell it, compiled from the protos on the spot. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileRegistry, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { DESCRIPTOR_SET, writeContract } from "../shipped-protos.ts";
import { type CommentOf, openingOf, readComments } from "./comments.ts";

/** The contract, ready to be told. */
export type Contract = {
  /** The files of `sallyport.*`, in the order of their names. */
  readonly files: readonly DescFile[];
  readonly commentOf: CommentOf;
  /** What a file says before its `syntax`. */
  readonly openingOf: (file: DescFile) => string;
};

/** Compiles the protos of `folder`. Needs buf, and nothing that is not in the folder or in npm packages. */
export function readContract(folder: string): Contract {
  const set = fromBinary(FileDescriptorSetSchema, compile(folder));
  const files = [...createFileRegistry(set).files].filter(({ proto }) => proto.package.startsWith("sallyport."));
  return {
    files: files.sort((one, other) => (one.name < other.name ? -1 : 1)),
    commentOf: readComments(files.map(({ proto }) => proto)),
    openingOf: ({ proto }) => openingOf(proto),
  };
}

function compile(folder: string): Uint8Array {
  const target = mkdtempSync(join(tmpdir(), "sallyport-contract-"));
  try {
    writeContract({ from: folder, to: target });
    return readFileSync(join(target, DESCRIPTOR_SET));
  } finally {
    rmSync(target, { recursive: true });
  }
}
