/** A file, or a server, that cannot serve as the database; the message says why and what to do. */
export class UnusableDatabase extends Error {
  override readonly name = "UnusableDatabase";
}
