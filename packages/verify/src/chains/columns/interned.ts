/** Values, each with a number: equal keys have one number, and the value that came first is kept. */
export class Interned<T> {
  readonly #numbers = new Map<string, number>();
  readonly #values: T[] = [];
  #lastKey: string | undefined;
  #lastNumber = 0;

  get size(): number {
    return this.#values.length;
  }

  numberOf(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  /** Returns the number of a key, and gives it one where it is new. */
  add(key: string, value: T): number {
    // What is told in a row is often the same.
    if (this.#lastKey === key) return this.#lastNumber;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#values.length;
      this.#numbers.set(key, number);
      this.#values.push(value);
    }
    this.#lastKey = key;
    this.#lastNumber = number;
    return number;
  }

  valueOf(number: number): T {
    return this.#values[number] as T;
  }

  values(): readonly T[] {
    return this.#values;
  }
}
