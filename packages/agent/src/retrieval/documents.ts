import { loose } from '../model/said.ts';

/** What came back, counted. Ages are milliseconds. */
export class Retrieved {
  count = 0;
  /** Those that do not say how old they are. */
  undated = 0;
  stale = 0;
  oldest: number | undefined;
  newest: number | undefined;
  readonly #now: number;
  readonly #maxAgeMs: number;
  readonly #updatedAt: (document: unknown) => unknown;

  constructor(now: number, maxAgeMs: number, updatedAt: (document: unknown) => unknown) {
    this.#now = now;
    this.#maxAgeMs = maxAgeMs;
    this.#updatedAt = updatedAt;
  }

  /** Takes in a document. Throws what a function of the user's throws. */
  add(document: unknown): void {
    this.count++;
    const at = timeIn(this.#updatedAt(document));
    if (at === undefined) {
      this.undated++;
      return;
    }
    // Clocks differ: what is from tomorrow is new.
    const age = Math.max(0, this.#now - at);
    if (this.oldest === undefined || age > this.oldest) this.oldest = age;
    if (this.newest === undefined || age < this.newest) this.newest = age;
    if (age > this.#maxAgeMs) this.stale++;
  }
}

const LISTS = ['documents', 'results', 'matches', 'hits', 'points', 'items', 'nodes', 'passages', 'data'] as const;

/** Returns the documents of a result: a list, or one under a name that stores use. `undefined` where it is neither. */
export function documentsIn(result: unknown): readonly unknown[] | undefined {
  if (result === null) return [];
  if (isList(result)) return result;
  const members = loose(result);
  for (const name of LISTS) {
    const list = members[name];
    if (isList(list)) return list;
    // Elasticsearch: `hits.hits`.
    const inner = loose(list)[name];
    if (isList(inner)) return inner;
  }
  return undefined;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

const TIMES = ['updatedAt', 'updated_at', 'timestamp', 'lastModified', 'last_modified'] as const;
const HOLDERS = ['metadata', 'payload', 'document', '_source'] as const;

/** Returns when a document was last changed, as it says itself: by `updatedAt`, `timestamp` and the like, of its own or of its `metadata`. */
export function updatedAtOf(document: unknown): unknown {
  const members = loose(document);
  return (
    timeMember(members) ?? HOLDERS.map((holder) => timeMember(loose(members[holder]))).find((at) => at !== undefined)
  );
}

function timeMember(members: Readonly<Record<string, unknown>>): unknown {
  for (const name of TIMES) if (members[name] !== undefined && members[name] !== null) return members[name];
  return undefined;
}

// Of a time in seconds, and of one in milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const SECONDS_END = 1e11;

/** Returns a `Date`, a date as text, or a number as milliseconds since the epoch; a number below 10¹¹ is one of seconds. */
function timeIn(value: unknown): number | undefined {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string'
        ? Date.parse(value)
        : typeof value === 'number'
          ? value
          : Number.NaN;
  if (!Number.isFinite(time)) return undefined;
  return typeof value === 'number' && Math.abs(time) < SECONDS_END ? time * 1000 : time;
}
