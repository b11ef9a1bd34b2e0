/** What a page in Markdown holds and where it leads. */

/** The anchors of a page: of its headings, as GitHub makes them, and those it states itself. */
export function anchorsOf(page: string): readonly string[] {
  const headings = withoutCode(page).match(/(?<=^#{1,6} ).+$/gm) ?? [];
  const stated = page.match(/(?<=<a id=")[^"]+/g) ?? [];
  return [...headings.map(toAnchor), ...stated];
}

/** Where the page's links go, but for those that leave for other sites. */
export function localLinksOf(page: string): readonly string[] {
  const targets = withoutCode(page).match(/(?<=\]\()[^)\s]+/g) ?? [];
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function withoutCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```$/gm, "");
}

function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}
