/**
 * Tells a question that the proxy's client wrote from one of the proxy's configuration:
 * some proxies pass the query of their client on, if the configured URL has none.
 */

/**
 * Whether everything that `query` states stands in one of the URIs, too, which are what a proxy says that its client
 * asked for. Proxies that pass a query on may drop or re-encode parts of it, so only what it says is compared. A client
 * that writes into its own URL what the configuration asks for is taken for the author, and refused.
 */
export function isOfClient(query: string, clientUris: readonly string[]): boolean {
  const stated = [...new URLSearchParams(query)];
  return stated.length > 0 && clientUris.some((uri) => saysAll(uri, stated));
}

function saysAll(uri: string, stated: readonly (readonly [name: string, value: string])[]): boolean {
  const mark = uri.indexOf("?");
  if (mark === -1) return false;
  const said = new URLSearchParams(uri.slice(mark + 1));
  return stated.every(([name, value]) => said.has(name, value));
}
