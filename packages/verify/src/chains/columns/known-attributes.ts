import { lookedAt } from '../../conventions.ts';
import type { AttributeValue } from '../../span.ts';

export type KnownKey = (typeof lookedAt)[number];

const places: ReadonlyMap<string, number> = new Map(lookedAt.map((key, place) => [key, place]));

/** What a span says of itself, as far as it is looked at. One is filled again and again: a dictionary for each span costs more than all else. */
export class KnownAttributes {
  readonly #values: unknown[] = Array.from(lookedAt, () => undefined);
  readonly #set: number[] = [];

  get isEmpty(): boolean {
    return this.#set.length === 0;
  }

  clear(): void {
    for (const place of this.#set) this.#values[place] = undefined;
    this.#set.length = 0;
  }

  /** Returns where a key has its place, or `undefined` where nobody looks at it. */
  static placeOf(key: string): number | undefined {
    return places.get(key);
  }

  set(place: number, value: AttributeValue): void {
    this.#values[place] = value;
    this.#set.push(place);
  }

  get(key: KnownKey): unknown {
    return this.#values[places.get(key) as number];
  }

  has(key: KnownKey): boolean {
    return this.get(key) !== undefined;
  }

  /** Returns the first of these that is text. */
  text(...names: readonly KnownKey[]): string | undefined {
    for (const name of names) {
      const value = this.get(name);
      if (typeof value === 'string' && value !== '') return cut(value);
    }
    return undefined;
  }

  /** Returns all of these that are text. */
  texts(...names: readonly KnownKey[]): string[] {
    const found: string[] = [];
    for (const name of names) {
      const value = this.get(name);
      if (typeof value === 'string' && value !== '') found.push(cut(value));
    }
    return found;
  }

  /** Returns the first of these that is a whole number, or text that says one. */
  number(...names: readonly KnownKey[]): number | undefined {
    for (const name of names) {
      const value = wholeOf(this.get(name));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

/** Returns a number that is not negative, or text that says one; `undefined` for what is none. */
export function amountOf(value: unknown): number | undefined {
  const amount =
    typeof value === 'string' && /^\d{1,15}(?:\.\d{1,15})?(?:e-?\d{1,2})?$/i.test(value) ? Number(value) : value;
  return typeof amount === 'number' && amount >= 0 && amount < Infinity ? amount : undefined;
}

// Nobody names a place by more, and somebody may put a document there.
const MAX_TEXT = 4096;

function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

function wholeOf(value: unknown): number | undefined {
  const whole = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof whole === 'number' && Number.isSafeInteger(whole) ? whole : undefined;
}
