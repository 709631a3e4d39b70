/** The fetch that is wrapped, which remembers what it failed with: a caller is to get the very same. */
export class BareFetch {
  readonly #errors = new WeakSet<object>();

  readonly fetch: typeof fetch = (...args) =>
    fetch(...args).catch((error: unknown) => {
      this.#errors.add(error as object);
      throw error;
    });

  /** Whether it is an error of this fetch, not a copy or one of ours. */
  threw(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#errors.has(error);
  }
}
