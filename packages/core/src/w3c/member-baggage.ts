import type { Baggage, BaggageEntry } from '@opentelemetry/api';
import { readMember } from './baggage-grammar.ts';
import type { Members } from './baggage-grammar.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';

/**
 * Baggage that was read from a field. A class, not closures: made on every inbound hop that carries baggage, and mostly passed
 * on untouched.
 */
export class MemberBaggage implements Baggage {
  #lazy: Members | undefined;
  readonly #limits: Limits;
  /** The field this was read from, while it can be sent on as it is. */
  readonly verbatim: string | undefined;

  constructor(members: Members | undefined, verbatim: string | undefined, limits: Limits) {
    this.#lazy = members;
    this.verbatim = verbatim;
    this.#limits = limits;
  }

  get #members(): Members {
    return (this.#lazy ??= readPlain(this.verbatim ?? ''));
  }

  /** Whether `verbatim` is known to be within these limits. */
  within(limits: Limits): boolean {
    if (limits === this.#limits) return true;
    const text = this.verbatim ?? '';
    return text.length <= limits.baggageBytes && membersOf(text) <= limits.baggageMembers;
  }

  get size(): number {
    return this.#members.keys.length;
  }

  getEntry(key: string): BaggageEntry | undefined {
    // An encoded key is never in plain text.
    if (this.#lazy === undefined && !(this.verbatim ?? '').includes(key)) return undefined;
    const place = this.#members.keys.indexOf(key);
    return place < 0 ? undefined : this.#entry(place);
  }

  getAllEntries(): [string, BaggageEntry][] {
    return this.#members.keys.map((key, place) => [key, this.#entry(place)]);
  }

  setEntry(key: string, entry: BaggageEntry): Baggage {
    return baggageOf([...this.getAllEntries().filter(([other]) => other !== key), [key, entry]]);
  }

  removeEntry(key: string): Baggage {
    return this.removeEntries(key);
  }

  removeEntries(...keys: string[]): Baggage {
    return baggageOf(this.getAllEntries().filter(([key]) => !keys.includes(key)));
  }

  clear(): Baggage {
    return baggageOf([]);
  }

  #entry(place: number): BaggageEntry {
    const value = this.#members.values[place] as string;
    const metadata = this.#members.metadata?.[place];
    return metadata === undefined ? { value } : { value, metadata };
  }
}

/** Returns baggage of these members. */
export function baggageOf(entries: readonly (readonly [string, BaggageEntry])[]): Baggage {
  const members: Members = { keys: [], values: [], metadata: [] };
  for (const [key, { value, metadata }] of entries) {
    members.keys.push(key);
    members.values.push(value);
    members.metadata?.push(metadata);
  }
  return new MemberBaggage(members, undefined, defaultLimits);
}

function readPlain(text: string): Members {
  const members: Members = { keys: [], values: [], metadata: undefined };
  let start = 0;
  while (start < text.length) {
    const comma = text.indexOf(',', start);
    const end = comma < 0 ? text.length : comma;
    readMember(text, start, end, members);
    start = end + 1;
  }
  return members;
}

// As they are written: a key may be there twice.
function membersOf(text: string): number {
  let members = 1;
  for (let at = text.indexOf(','); at >= 0; at = text.indexOf(',', at + 1)) members++;
  return members;
}
