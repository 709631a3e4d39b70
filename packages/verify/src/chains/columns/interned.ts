/** Values, each with a number: equal keys have one number, and the value that came first is kept. */
export class Interned<T> {
  readonly #numbers = new Map<string, number>();
  readonly #values: T[] = [];

  get size(): number {
    return this.#values.length;
  }

  numberOf(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  /** Returns the number of a key, and gives it one where it is new. */
  add(key: string, value: T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#values.length;
    this.#numbers.set(key, number);
    this.#values.push(value);
    return number;
  }

  valueOf(number: number): T {
    return this.#values[number] as T;
  }

  values(): readonly T[] {
    return this.#values;
  }
}
