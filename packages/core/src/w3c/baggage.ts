import type { Baggage, BaggageEntry } from '@opentelemetry/api';
import { formatMember, INVALID, isPlain, readMember, REWRITTEN } from './baggage-grammar.ts';
import type { Members } from './baggage-grammar.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { baggageOf, MemberBaggage } from './member-baggage.ts';

/**
 * Returns the baggage that a field holds, or `undefined` where it holds none. Members that are not well-formed are left
 * out; whole members are dropped from the end past the limits; an empty value is a value; malformed percent-encoding
 * becomes U+FFFD. Total: it never throws. W3C Baggage, 3.2 and 3.3.
 */
export function parseBaggage(text: unknown, limits: Limits = defaultLimits): Baggage | undefined {
  if (typeof text !== 'string' || text.length === 0) return undefined;
  if (isPlain(text, limits)) return new MemberBaggage(undefined, text, limits);
  const length = text.length;
  const members: Members = { keys: [], values: [], metadata: undefined };
  // `end` is one past the last byte that the limit lets in: a member that reaches beyond it is dropped, and all after it.
  const end = limits.baggageBytes;
  // The text itself can be sent on as it is only while every member of it stays, in its own form.
  let canonical = length <= end;
  let seen = 0;
  let start = 0;
  while (start < length) {
    let comma = text.indexOf(',', start);
    if (comma < 0) comma = length;
    if (comma > end || seen === limits.baggageMembers) {
      canonical = false;
      break;
    }
    const parsed = readMember(text, start, comma, members);
    if (parsed === INVALID) canonical = false;
    else {
      seen++;
      if (parsed === REWRITTEN) canonical = false;
    }
    start = comma + 1;
  }
  if (members.keys.length === 0) return undefined;
  return new MemberBaggage(members, canonical && !text.endsWith(',') ? text : undefined, limits);
}

/**
 * Returns the `baggage` field for these members, or `undefined` where there is nothing to send. Whole members are dropped
 * from the end past the limits. Keys, values and metadata are encoded so that none can add a member or a header; lone
 * surrogates become U+FFFD. W3C Baggage, 3.2 and 3.3.
 */
export function formatBaggage(baggage: Baggage | undefined, limits: Limits = defaultLimits): string | undefined {
  if (typeof baggage !== 'object' || baggage === null) return undefined;
  if (baggage instanceof MemberBaggage) {
    if (baggage.verbatim !== undefined && baggage.within(limits)) return baggage.verbatim;
  }
  let text = '';
  let count = 0;
  for (const [key, entry] of entriesOf(baggage)) {
    const member = formatMember(key, entry);
    if (member === undefined) continue;
    const separator = count === 0 ? 0 : 1;
    if (count === limits.baggageMembers || text.length + separator + member.length > limits.baggageBytes) break;
    text = separator === 0 ? member : `${text},${member}`;
    count++;
  }
  return count === 0 ? undefined : text;
}

function entriesOf(baggage: Baggage): Iterable<[string, BaggageEntry]> {
  // A foreign implementation of the interface may be anything; ours cannot throw.
  try {
    const entries: unknown = baggage.getAllEntries();
    return Array.isArray(entries) ? (entries as [string, BaggageEntry][]) : [];
  } catch {
    return [];
  }
}

/** Returns the members of `baggage` whose key is kept, or the same object where all are; `undefined` where none is. */
export function filterBaggage(baggage: Baggage | undefined, keeps: (key: string) => boolean): Baggage | undefined {
  if (baggage === undefined) return undefined;
  const entries = [...entriesOf(baggage)];
  const kept = entries.filter(([key]) => keeps(key));
  if (kept.length === 0) return undefined;
  return kept.length === entries.length ? baggage : baggageOf(kept);
}

/** Returns how many members there are. */
export function baggageSize(baggage: Baggage | undefined): number {
  if (baggage === undefined) return 0;
  return baggage instanceof MemberBaggage ? baggage.size : [...entriesOf(baggage)].length;
}
