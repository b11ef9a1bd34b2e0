/** A copy that must not be, or of which nobody knows; the message says what to do. */
export class CopyFault extends Error {
  override readonly name = "CopyFault";
}
