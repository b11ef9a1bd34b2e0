/** Pages of a listing (AIP-158). */
import type { PageTokens } from "../tokens/page-token.ts";

/** Items of a page when the client does not say. */
const DEFAULT_PAGE_SIZE = 50;

/** What a client asks for. */
type PageRequest = { readonly pageSize: number; readonly pageToken: string };

/** One page, and where the next begins. */
export type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string };

/**
 * Fetches a page. `listing` names the listing with its filters and caller: a page
 * token is good for no other. `fetch` gives up to `limit` items after a position,
 * `positionOf` an item's own.
 * @throws Refusal PAGE_TOKEN_INVALID.
 */
export async function fetchPage<T>(
  { pageSize, pageToken }: PageRequest,
  listing: readonly string[],
  pageTokens: PageTokens,
  fetch: (after: string, limit: number) => Promise<readonly T[]>,
  positionOf: (item: T) => string,
): Promise<Page<T>> {
  const size = pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize;
  // One more than asked for tells whether there is a next page.
  const found = await fetch(pageTokens.open(listing, pageToken), size + 1);
  const items = found.slice(0, size);
  const last = found.length > size ? items.at(-1) : undefined;
  return { items, nextPageToken: last === undefined ? "" : pageTokens.seal(listing, positionOf(last)) };
}
