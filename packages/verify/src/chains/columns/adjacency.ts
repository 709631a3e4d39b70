const nobody = new Int32Array();

/** For each of a number of things a list of others, all in two arrays. */
export class Adjacency {
  readonly #from: Int32Array;
  readonly #to: Int32Array;

  /** `pairs` calls back with each pair, in the order in which they are to be listed. It is called twice. */
  constructor(size: number, pairs: (add: (from: number, to: number) => void) => void) {
    const from = new Int32Array(size + 1);
    pairs((at) => {
      from[at + 1] = (from[at + 1] as number) + 1;
    });
    for (let at = 0; at < size; at++) from[at + 1] = (from[at + 1] as number) + (from[at] as number);
    const next = from.slice();
    const to = new Int32Array(from[size] as number);
    pairs((at, other) => {
      const place = next[at] as number;
      to[place] = other;
      next[at] = place + 1;
    });
    this.#from = from;
    this.#to = to;
  }

  /** Returns the list of one: a view, not to be changed. */
  of(at: number): Int32Array {
    const count = this.countOf(at);
    return count === 0 ? nobody : this.#to.subarray(this.#from[at], this.#from[at + 1]);
  }

  /** Returns how long the list of one is. */
  countOf(at: number): number {
    return (this.#from[at + 1] as number) - (this.#from[at] as number);
  }
}
