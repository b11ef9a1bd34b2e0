import type { IncomingHttpHeaders } from "node:http";
import { shortenDeadline } from "../deadline.ts";
import type { Protocol } from "../protocol.ts";

/**
 * Headers of a unary request as the library would hand them on: repeated ones read
 * as Node reads them, the deadline within its bound, and without what HTTP/2 puts
 * before them.
 */
export function toHeaders(headers: IncomingHttpHeaders, protocol: Protocol): Headers {
  shortenDeadline(headers, protocol);
  const made = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(":")) continue;
    if (typeof value === "string") made.append(name, value);
    else for (const one of value) made.append(name, one);
  }
  return made;
}
