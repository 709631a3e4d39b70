/** Numbers of any size. */
export class GrowingFloats {
  size = 0;
  #values = new Float64Array(64);

  push(value: number): void {
    if (this.size === this.#values.length) this.#values = doubled(this.#values, Float64Array);
    this.#values[this.size++] = value;
  }

  get(at: number): number {
    return this.#values[at] as number;
  }

  /** Sets one that is there, or appends the next. */
  put(at: number, value: number): void {
    if (at === this.size) this.push(value);
    else this.#values[at] = value;
  }
}

/** Whole numbers of 32 bits, as bits: ids, and indexes of other columns. */
export class GrowingIntegers {
  size = 0;
  #values = new Int32Array(64);

  push(value: number): void {
    if (this.size === this.#values.length) this.#values = doubled(this.#values, Int32Array);
    this.#values[this.size++] = value;
  }

  get(at: number): number {
    return this.#values[at] as number;
  }

  /** Sets one that is there, or appends the next. */
  put(at: number, value: number): void {
    if (at === this.size) this.push(value);
    else this.#values[at] = value;
  }
}

function doubled<A extends Int32Array | Float64Array>(values: A, type: new (length: number) => A): A {
  const larger = new type(values.length * 2);
  larger.set(values);
  return larger;
}
