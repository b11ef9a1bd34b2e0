/** The origin (RFC 6454) that a URL leads to; on a page, a relative URL leads to the page's own. @throws TypeError for anything else. */
export function originOf(url: string): string {
  const { origin } = new URL(url, pageUrl());
  if (origin === "null") throw new TypeError(`${url} has no origin; name the URL of a backend: http… or https…`);
  return origin;
}

function pageUrl(): string | undefined {
  const page: object = globalThis;
  if (!("location" in page)) return undefined;
  const { location } = page;
  return typeof location === "object" && location !== null ? String(location) : undefined;
}
