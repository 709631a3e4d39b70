/** A span processor that counts the spans that have started and not ended, by name. */
export class OpenSpans {
  readonly #open = new Map<string, number>();

  onStart({ name }: { readonly name: string }): void {
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
  }

  onEnd({ name }: { readonly name: string }): void {
    const left = (this.#open.get(name) ?? 0) - 1;
    if (left === 0) this.#open.delete(name);
    else this.#open.set(name, left);
  }

  /** Names of open spans, those alone that contain `part`. */
  named(part = ''): string[] {
    return [...this.#open.keys()].filter((name) => name.includes(part));
  }

  /** Leaves out spans that a test kept open on purpose. */
  forget(name: string): void {
    this.#open.delete(name);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
