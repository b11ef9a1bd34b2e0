/** The three RPC protocols, told apart by the content type of a request. */

/** A protocol that the port speaks. */
export type Protocol = "connect" | "grpc" | "grpc-web";

/**
 * The protocol that a content type belongs to, or `null` if to none. Whether
 * the encoding is one that we read is the library's to say.
 */
export function protocolOf(contentType: string | undefined): Protocol | null {
  if (contentType === undefined) return null;
  const semicolon = contentType.indexOf(";");
  const type = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  if (type === "application/grpc-web" || type.startsWith("application/grpc-web+")) return "grpc-web";
  if (type === "application/grpc-web-text" || type.startsWith("application/grpc-web-text+")) return "grpc-web";
  if (type === "application/grpc" || type.startsWith("application/grpc+")) return "grpc";
  if (type === "application/json" || type === "application/proto") return "connect";
  return type.startsWith("application/connect+") ? "connect" : null;
}
