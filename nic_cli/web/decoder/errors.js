/** What is wrong with a file or a model, in one plain line. */
export class NicError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "NicError";
  }
}

/**
 * Throws a NicError unless it is right.
 * @param {unknown} right
 * @param {string} what what is wrong if it is not
 */
export function check(right, what) {
  if (!right) throw new NicError(what);
}
