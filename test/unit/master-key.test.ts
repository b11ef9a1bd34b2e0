import { randomBytes } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompactEncrypt, decodeProtectedHeader } from "jose";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemRandom } from "../../src/lib/random.ts";
import { createMasterKeys, loadMasterKeys, MasterKeyError } from "../../src/tokens/master-key.ts";
import { temporaryFolder } from "../support/app.ts";

const PLAINTEXT = Buffer.from('{"kty":"oct","k":"secret"}');

function folder(): string {
  const made = temporaryFolder();
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

type Source = Partial<Parameters<typeof loadMasterKeys>[0]> & { readonly dataDir: string };

/** Puts a file where the master key is looked for. */
function writeKeyFile(dataDir: string, content: string | Uint8Array, mode = 0o600): void {
  writeFileSync(join(dataDir, "master.key"), content, { mode });
  chmodSync(join(dataDir, "master.key"), mode);
}

const load = (source: Source) => loadMasterKeys({ stated: [], mayCreate: true, random: systemRandom, ...source });
const textOf = (key: Uint8Array) => Buffer.from(key).toString("base64url");
const kidOf = (jwe: string) => String(decodeProtectedHeader(jwe).kid);

describe("The master key's file", () => {
  it("is made once, for its owner's eyes alone, whatever the umask says", async () => {
    const dataDir = folder();
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const jwe = await load({ dataDir }).encrypt(PLAINTEXT);
    const file = join(dataDir, "master.key");
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^[\w-]{43}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Buffer.from(await load({ dataDir }).decrypt(jwe))).toEqual(PLAINTEXT);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("leaves nothing else behind", () => {
    const dataDir = folder();
    load({ dataDir });
    expect(readdirSync(dataDir)).toEqual(["master.key"]);
  });

  it("is another in another folder", () => {
    const folders = [folder(), folder()];
    for (const dataDir of folders) load({ dataDir });
    const [one, two] = folders.map((dataDir) => readFileSync(join(dataDir, "master.key"), "utf8"));
    expect(one).not.toBe(two);
  });

  it("is taken as it is where it is there, even if one might be made", async () => {
    const dataDir = folder();
    const key = randomBytes(32);
    writeKeyFile(dataDir, `  ${textOf(key)}\r\n\n`);
    const jwe = await load({ dataDir }).encrypt(PLAINTEXT);
    expect(Buffer.from(await createMasterKeys([key]).decrypt(jwe))).toEqual(PLAINTEXT);
  });

  it("is never made for a database that holds keys already: the refusal names it and says what to do", () => {
    const dataDir = folder();
    expect(() => load({ dataDir, mayCreate: false })).toThrow(MasterKeyError);
    expect(() => load({ dataDir, mayCreate: false })).toThrow(join(dataDir, "master.key"));
    expect(() => load({ dataDir, mayCreate: false })).toThrow("SALLYPORT_MASTER_KEY");
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it.each([
    ["empty", ""],
    ["too short", textOf(randomBytes(31))],
    ["too long", textOf(randomBytes(33))],
    ["in hexadecimal", randomBytes(32).toString("hex")],
    ["in standard base64", `${"+/".repeat(21)}+`],
    ["padded", `${textOf(randomBytes(32))}=`],
    ["with stray bits", `${"A".repeat(42)}B`],
    ["two keys", `${textOf(randomBytes(32))}\n${textOf(randomBytes(32))}`],
    ["32 bytes as they are", Buffer.alloc(32, 0x41)],
  ])("that is %s is refused, told by its name and not by what is in it", (_name, content) => {
    const dataDir = folder();
    writeKeyFile(dataDir, content);
    const attempt = () => load({ dataDir });
    expect(attempt).toThrow(MasterKeyError);
    expect(attempt).toThrow(/master\.key must hold 32 bytes in base64url: 43 characters$/);
    expect(readFileSync(join(dataDir, "master.key"))).toEqual(Buffer.from(content));
  });

  it.each(["644", "640", "604", "601", "620", "666", "777"])("of mode %s is refused: others can reach it", (mode) => {
    const dataDir = folder();
    writeKeyFile(dataDir, textOf(randomBytes(32)), Number.parseInt(mode, 8));
    expect(() => load({ dataDir })).toThrow(MasterKeyError);
    expect(() => load({ dataDir })).toThrow(`chmod 600 ${join(dataDir, "master.key")}`);
  });

  it.each(["600", "400"])("of mode %s is taken", async (mode) => {
    const dataDir = folder();
    const key = randomBytes(32);
    writeKeyFile(dataDir, textOf(key), Number.parseInt(mode, 8));
    const jwe = await load({ dataDir }).encrypt(PLAINTEXT);
    expect(Buffer.from(await createMasterKeys([key]).decrypt(jwe))).toEqual(PLAINTEXT);
  });

  it("is not made where the folder takes no files", () => {
    const dataDir = folder();
    const file = join(dataDir, "not-a-folder");
    writeFileSync(file, "");
    expect(() => load({ dataDir: file })).toThrow();
    expect(readdirSync(dataDir)).toEqual(["not-a-folder"]);
  });
});

describe("Master keys from the settings", () => {
  const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)];

  it("leave the folder alone, and win over the file in it", async () => {
    const dataDir = folder();
    load({ dataDir, stated: [textOf(first)] });
    expect(readdirSync(dataDir)).toEqual([]);
    load({ dataDir });
    const jwe = await load({ dataDir, stated: [textOf(first)] }).encrypt(PLAINTEXT);
    await expect(load({ dataDir }).decrypt(jwe)).rejects.toThrow(MasterKeyError);
    expect(Buffer.from(await createMasterKeys([first]).decrypt(jwe))).toEqual(PLAINTEXT);
  });

  it("are enough for a database that holds keys, without a file", async () => {
    const jwe = await createMasterKeys([first]).encrypt(PLAINTEXT);
    const keys = load({ dataDir: folder(), stated: [textOf(first)], mayCreate: false });
    expect(Buffer.from(await keys.decrypt(jwe))).toEqual(PLAINTEXT);
  });

  it("may be several: the first encrypts, all decrypt", async () => {
    const both = load({ dataDir: folder(), stated: [textOf(first), textOf(second)] });
    const fresh = await both.encrypt(PLAINTEXT);
    const old = await createMasterKeys([second]).encrypt(PLAINTEXT);
    expect(kidOf(fresh)).not.toBe(kidOf(old));
    for (const jwe of [fresh, old]) expect(Buffer.from(await both.decrypt(jwe))).toEqual(PLAINTEXT);
    expect(Buffer.from(await createMasterKeys([first]).decrypt(fresh))).toEqual(PLAINTEXT);
    await expect(createMasterKeys([second]).decrypt(fresh)).rejects.toThrow(MasterKeyError);
  });

  it("that do not fit are refused by name: the one that is wanted, and those that were given", async () => {
    const jwe = await createMasterKeys([first]).encrypt(PLAINTEXT);
    const given = await Promise.all([second, third].map((key) => createMasterKeys([key]).encrypt(PLAINTEXT)));
    const failure = await createMasterKeys([second, third]).decrypt(jwe).catch(String);
    for (const kid of [jwe, ...given].map(kidOf)) expect(failure).toContain(kid);
    expect(failure).toContain("SALLYPORT_MASTER_KEY");
    for (const key of [first, second, third]) expect(failure).not.toContain(textOf(key).slice(0, 8));
  });

  it("refuse a text that is no key", () => {
    for (const text of ["", "secret", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}B`]) {
      const attempt = () => load({ dataDir: folder(), stated: [textOf(first), text] });
      expect(attempt, text).toThrow(MasterKeyError);
      expect(attempt, text).toThrow("SALLYPORT_MASTER_KEY");
    }
  });

  it("that are none encrypt nothing", async () => {
    await expect(createMasterKeys([]).encrypt(PLAINTEXT)).rejects.toThrow(MasterKeyError);
  });
});

describe("What is encrypted", () => {
  const key = randomBytes(32);
  const masterKeys = createMasterKeys([key]);

  it("looks different each time, and shows nothing of itself", async () => {
    const [one, two] = [await masterKeys.encrypt(PLAINTEXT), await masterKeys.encrypt(PLAINTEXT)];
    expect(one).not.toBe(two);
    expect(Buffer.from(one.split(".")[3] ?? "", "base64url").includes("secret")).toBe(false);
  });

  it("is refused when any part of it was changed", async () => {
    const parts = (await masterKeys.encrypt(PLAINTEXT)).split(".");
    for (const index of [2, 3, 4]) {
      const bytes = Buffer.from(parts[index] ?? "", "base64url");
      const turned = Buffer.from(bytes.with(0, (bytes[0] ?? 0) ^ 1)).toString("base64url");
      await expect(masterKeys.decrypt(parts.with(index, turned).join("."))).rejects.toThrow();
    }
  });

  it.each([
    ["another way to manage keys", { alg: "A256GCMKW", enc: "A256GCM" }],
    ["another cipher", { alg: "dir", enc: "A128CBC-HS256" }],
  ])("is refused by %s, though the key is ours", async (_name, header) => {
    const kid = kidOf(await masterKeys.encrypt(PLAINTEXT));
    const jwe = await new CompactEncrypt(PLAINTEXT).setProtectedHeader({ ...header, kid }).encrypt(key);
    await expect(masterKeys.decrypt(jwe)).rejects.toThrow();
  });

  it("is refused without the name of its key", async () => {
    const header = { alg: "dir", enc: "A256GCM" };
    const jwe = await new CompactEncrypt(PLAINTEXT).setProtectedHeader(header).encrypt(key);
    await expect(masterKeys.decrypt(jwe)).rejects.toThrow(MasterKeyError);
  });
});
