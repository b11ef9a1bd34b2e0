/** Where the services of a matrix come from: a descriptor set, a server's reflection, or Sallyport itself. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type DescService, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { DescriptionError, servicesIn } from "../access/described-services.ts";
import { SERVED } from "../app.ts";
import { CommandFault, shown } from "./command-fault.ts";
import { reflectedFiles } from "./reflected-files.ts";

/** Options that say whose services are meant. */
export type Source = {
  readonly descriptors?: string;
  readonly reflection?: string;
  readonly apiKeyStdin?: boolean;
  readonly timeout: number;
};

/** The services. @throws CommandFault that says what to do. */
export async function describedServices(source: Source): Promise<readonly DescService[]> {
  const { descriptors, reflection, apiKeyStdin = false, timeout } = source;
  if (apiKeyStdin && reflection === undefined) throw new CommandFault(2, "--api-key-stdin goes with --reflection");
  if (descriptors !== undefined) return readDescriptorSet(descriptors);
  if (reflection === undefined) return SERVED;
  const url = toUrl(reflection);
  const apiKey = apiKeyStdin ? await readApiKey() : null;
  const { services, files } = await reflectedFiles({ url, apiKey, seconds: timeout });
  const found = described(files, `what ${url.origin} tells by reflection`, 69);
  // A file may declare services that this server does not serve.
  return found.filter(({ typeName }) => services.includes(typeName));
}

async function readDescriptorSet(file: string): Promise<readonly DescService[]> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const advice = READ_ADVICE.get(error.code ?? "") ?? error.message;
    throw new CommandFault(2, `${shown(file)} cannot be read: ${advice}`, { cause: error });
  });
  return described(toFiles(bytes, file), shown(file), 2);
}

const READ_ADVICE: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file; make it: buf build -o x.binpb"],
  ["EISDIR", "it is a folder; name a file, as buf build -o x.binpb writes it"],
  ["EACCES", "this user may not"],
]);

function toFiles(bytes: Uint8Array, file: string): readonly FileDescriptorProto[] {
  try {
    const { file: files } = fromBinary(FileDescriptorSetSchema, bytes);
    if (files.some(({ name }) => name !== "")) return files;
  } catch {
    // Said below: what a decoder stumbled over helps nobody who named the wrong file.
  }
  throw new CommandFault(
    2,
    `${shown(file)} is no descriptor set; make one: buf build -o x.binpb, or protoc -o x.binpb`,
  );
}

function described(files: readonly FileDescriptorProto[], what: string, exitCode: 2 | 69): readonly DescService[] {
  try {
    const services = servicesIn(files);
    if (services.length > 0) return services;
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error;
    throw new CommandFault(exitCode, `${what} cannot be used: ${error.message}`, { cause: error });
  }
  throw new CommandFault(exitCode, `there is no service in ${what}`);
}

/** @throws CommandFault that does not repeat the text, for there may be a password in it. */
function toUrl(address: string): URL {
  const url = URL.parse(address);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.search + url.hash !== "") {
    throw new CommandFault(2, "--reflection takes an address such as http://127.0.0.1:8080 or https://api.example.com");
  }
  if (url.username !== "" || url.password !== "") {
    throw new CommandFault(2, "no credentials in the address of --reflection: give an API key with --api-key-stdin");
  }
  return url;
}

/** From standard input: everyone on the machine can read arguments. */
async function readApiKey(): Promise<string> {
  const key = process.stdin.isTTY ? "" : (await text(process.stdin)).trim();
  if (/^[!-~]+$/.test(key)) return key;
  throw new CommandFault(2, "there is no API key on standard input; try: --api-key-stdin < orders.key");
}
