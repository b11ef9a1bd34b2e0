/**
 * Page tokens (AIP-158): where a listing goes on, authenticated, so that nobody
 * can make one, or use one for another listing, filter or caller.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { Refusal } from "../errors.ts";
import { encodeBase64Url } from "../lib/base64url.ts";
import type { KeyRing } from "./key-ring.ts";

/** Seals and opens page tokens. */
export type PageTokens = {
  /** The token for going on after `position`. `listing` names the listing with its filters and caller. */
  readonly seal: (listing: readonly string[], position: string) => string;
  /** The position; empty for an empty token. @throws Refusal PAGE_TOKEN_INVALID. */
  readonly open: (listing: readonly string[], token: string) => string;
};

/** {@link PageTokens} under a key that is derived (RFC 5869) from the refresh secret. */
export function createPageTokens(keys: Pick<KeyRing, "refreshKey">): PageTokens {
  function mac(listing: readonly string[], position: string): Buffer {
    const { key } = keys.refreshKey();
    const derived = hkdfSync("sha256", key, "", "sallyport page token", 32);
    return createHmac("sha256", Buffer.from(derived))
      .update(JSON.stringify([...listing, position]))
      .digest();
  }

  function seal(listing: readonly string[], position: string): string {
    return `${encodeBase64Url(Buffer.from(position))}.${encodeBase64Url(mac(listing, position))}`;
  }

  return {
    seal,
    open(listing, token) {
      if (token === "") return "";
      const [encoded = ""] = token.split(".", 1);
      const position = Buffer.from(encoded, "base64url").toString();
      // All of the token is held against what was handed out, so that it has one writing only.
      const given = Buffer.from(token);
      const expected = Buffer.from(seal(listing, position));
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new Refusal("PAGE_TOKEN_INVALID");
      return position;
    },
  };
}
