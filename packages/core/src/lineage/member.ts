import type { Baggage } from '@opentelemetry/api';
import { rememberingLast } from '../remembered.ts';
import { formatValue } from '../w3c/baggage-grammar.ts';
import { formatBaggage, parseBaggage } from '../w3c/baggage.ts';
import type { Limits } from '../w3c/limits.ts';
import { LINEAGE_KEY, MAX_LINEAGE } from './codec.ts';

/*
 * Lineage travels as one member of `baggage`, and is there on the wire alone: it is put in where fields are written, and taken out
 * where they are read. In a context it is in the hop state, and baggage is the user's.
 */

const MEMBER = `${LINEAGE_KEY}=`;
// As we write it: nothing is encoded, and no property follows.
const PLAIN = /^[\w.~-]*$/;

/** What a `baggage` field holds. */
export interface BaggageField {
  /** The user's members. */
  readonly user: Baggage | undefined;
  /** The value of the lineage member, which need not be valid. */
  readonly lineage: string | undefined;
}

const nothing: BaggageField = Object.freeze({ user: undefined, lineage: undefined });

/** Returns what a `baggage` field holds, within the limits. Never throws. */
export function readBaggage(text: string | undefined, limits: Limits): BaggageField {
  if (text === undefined) return nothing;
  // We write the member first, and most fields hold nothing else.
  if (text.startsWith(MEMBER) && text.length <= limits.baggageBytes) {
    const comma = text.indexOf(',');
    const value = text.slice(MEMBER.length, comma < 0 ? undefined : comma);
    const rest = comma < 0 ? '' : text.slice(comma + 1);
    if (PLAIN.test(value) && !rest.includes('lineage') && !rest.includes('%')) {
      return { lineage: bounded(value), user: rest === '' ? undefined : parseBaggage(rest, limits) };
    }
  }
  return splitBaggage(parseBaggage(text, limits));
}

/** Returns the user's members of baggage and its lineage. Another propagator has extracted it, or another copy of this package. */
export function splitBaggage(baggage: Baggage | undefined): BaggageField {
  if (baggage === undefined) return nothing;
  const lineage = memberOf(baggage);
  if (lineage === undefined) return { user: baggage, lineage };
  const user = baggage.removeEntry(LINEAGE_KEY);
  return { user: user.getAllEntries().length === 0 ? undefined : user, lineage: bounded(lineage) };
}

function memberOf(baggage: Baggage): string | undefined {
  try {
    const value: unknown = baggage.getEntry(LINEAGE_KEY)?.value;
    return typeof value === 'string' ? value : undefined;
  } catch {
    // Baggage of another implementation.
    return undefined;
  }
}

// A member that is too long does not exist.
function bounded(value: string): string | undefined {
  return value.length <= MAX_LINEAGE ? value : undefined;
}

const memberText = rememberingLast((lineage: string) => MEMBER + formatValue(lineage), Object.is);

/**
 * Returns the `baggage` field for the user's members and lineage, or `undefined` where there is nothing to send. Lineage comes first,
 * because what is past the limits is dropped from the end.
 */
export function writeBaggage(
  user: Baggage | undefined,
  lineage: string | undefined,
  limits: Limits,
): string | undefined {
  if (lineage === undefined) return formatBaggage(user, limits);
  const member = memberText(lineage);
  if (limits.baggageMembers === 0 || member.length > limits.baggageBytes) return undefined;
  if (user === undefined) return member;
  const rest = formatBaggage(user, {
    ...limits,
    baggageBytes: limits.baggageBytes - member.length - 1,
    baggageMembers: limits.baggageMembers - 1,
  });
  return rest === undefined ? member : `${member},${rest}`;
}
