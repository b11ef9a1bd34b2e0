/** Secrets that are looked for afterwards in everything that was written. */
import { randomBytes } from "node:crypto";

/** Texts that must turn up nowhere. */
export type Canaries = {
  /** A new secret, unlike any other. Good as a password, as a token, as an id. */
  readonly make: () => string;
  /** A new secret in the shape of a JWT. */
  readonly makeJwt: () => string;
  /** Adds a secret that somebody else made. */
  readonly add: (secret: string) => void;
  /** The secrets that the text holds, as they are or in an encoding that is undone with ease. */
  readonly foundIn: (text: string) => readonly string[];
  readonly count: () => number;
};

/** No canaries yet. */
export function createCanaries(): Canaries {
  const secrets = new Set<string>();

  function add(secret: string): void {
    if (secret.length < 16) throw new Error("too short to be told from an accident");
    secrets.add(secret);
  }

  function make(): string {
    const secret = `canary-${randomBytes(12).toString("hex")}`;
    add(secret);
    return secret;
  }

  return {
    make,
    makeJwt() {
      const [header, payload] = [{ alg: "ES256", typ: "at+jwt", kid: make() }, { sub: make() }].map((part) =>
        Buffer.from(JSON.stringify(part)).toString("base64url"),
      );
      if (payload !== undefined) add(payload);
      return `${header}.${payload}.${make()}`;
    },
    add,
    foundIn: (text) => [...secrets].filter((secret) => formsOf(secret).some((form) => text.includes(form))),
    count: () => secrets.size,
  };
}

/** A secret in its own form and in those that a careless program prints; base64 without its end, which depends on what follows. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
  return [secret, whole.toString("base64"), whole.toString("base64url"), bytes.toString("hex"), [...bytes].join(",")];
}
