import { GrowingIntegers } from './growing.ts';

const EMPTY = -1;

/** Where spans are found by trace and span id: open addressing, with an id in two halves of 32 bits. */
export class SpanIds {
  readonly trace: GrowingIntegers = new GrowingIntegers();
  readonly high: GrowingIntegers = new GrowingIntegers();
  readonly low: GrowingIntegers = new GrowingIntegers();
  // The first of each id, and beside it the hash, which tells most of the others apart without a look at their columns.
  #places = new Int32Array(256).fill(EMPTY);
  #ids = 0;
  readonly #shared = new Map<number, number[]>();

  /** Appends a span. `first` is what {@link first} says of its id. */
  add(trace: number, high: number, low: number, first: number): void {
    const at = this.trace.size;
    this.trace.push(trace);
    this.high.push(high);
    this.low.push(low);
    if (first === EMPTY) {
      if (++this.#ids * 4 > this.#places.length) this.#grow();
      this.#put(at, hashOf(trace, high, low));
      return;
    }
    const others = this.#shared.get(first);
    if (others === undefined) this.#shared.set(first, [first, at]);
    else others.push(at);
  }

  /** Returns the first span of an id, or -1. */
  first(trace: number, high: number, low: number): number {
    const hash = hashOf(trace, high, low);
    const mask = this.#places.length - 2;
    for (let place = (hash << 1) & mask; ; place = (place + 2) & mask) {
      const at = this.#places[place] as number;
      if (at === EMPTY) return EMPTY;
      if (this.#places[place + 1] !== hash) continue;
      if (this.low.get(at) === low && this.high.get(at) === high && this.trace.get(at) === trace) return at;
    }
  }

  /** Returns all spans that have the id of this one, which is the first of them; `undefined` where it is the only one. */
  sharing(first: number): readonly number[] | undefined {
    return this.#shared.get(first);
  }

  /** Returns every group of spans that have one id. */
  groups(): Iterable<readonly number[]> {
    return this.#shared.values();
  }

  #put(at: number, hash: number): void {
    const mask = this.#places.length - 2;
    let place = (hash << 1) & mask;
    while (this.#places[place] !== EMPTY) place = (place + 2) & mask;
    this.#places[place] = at;
    this.#places[place + 1] = hash;
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Int32Array(old.length * 2).fill(EMPTY);
    for (let place = 0; place < old.length; place += 2) {
      if (old[place] !== EMPTY) this.#put(old[place] as number, old[place + 1] as number);
    }
  }
}

// Drawn anew in each process, so that nobody can make ids which all fall into one place.
const SEED = Math.floor(Math.random() * 2 ** 32);

function hashOf(trace: number, high: number, low: number): number {
  let mixed = Math.imul(low ^ SEED ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(trace, 0xc2b2ae35);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

/** Returns 8 of the digits of an id as 32 bits, and `NaN` where they are no hexadecimal digits in lower case. */
export function halfOf(id: string, from: number): number {
  let bits = 0;
  for (let at = from; at < from + 8; at++) {
    const code = id.charCodeAt(at);
    if (code >= 48 && code <= 57) bits = (bits << 4) | (code - 48);
    else if (code >= 97 && code <= 102) bits = (bits << 4) | (code - 87);
    else return Number.NaN;
  }
  return bits;
}

/** Returns the id of two halves, as 16 hexadecimal digits. */
export function idOf(high: number, low: number): string {
  return hex(high) + hex(low);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
