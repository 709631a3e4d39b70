import { checkKnown, checkObject, checkWhole } from '../option-checks.ts';

/** Bounds on what is read from a carrier and written to one, applied before anything is decoded. */
export interface Limits {
  /** List members of `tracestate`; past that the whole list is dropped (Trace Context Level 2, 3.3.1.1). Default 32, at most 512. */
  readonly tracestateMembers: number;
  /** List members of `baggage` (W3C Baggage, 3.3.2). Default 64, at most 1024. */
  readonly baggageMembers: number;
  /** Bytes of `baggage` in total; whole members are dropped from the end past that. Default 8192, at most 65536. */
  readonly baggageBytes: number;
  /** Bytes of any one field. Default 8192, at most 65536. */
  readonly fieldBytes: number;
}

/** The limits of the W3C specifications. */
export const defaultLimits: Limits = Object.freeze({
  tracestateMembers: 32,
  baggageMembers: 64,
  baggageBytes: 8192,
  fieldBytes: 8192,
});

// Past these the cost of a field from outside grows faster than the field, and carriers give no longer bytes.
const MOST: Limits = { tracestateMembers: 512, baggageMembers: 1024, baggageBytes: 65_536, fieldBytes: 65_536 };

const NAMES = Object.keys(defaultLimits) as (keyof Limits)[];

/** Returns these limits, and the defaults for the others. Throws a `ThroughlineError` for one that does not hold. */
export function limitsOf(given: Partial<Limits> | undefined): Limits {
  if (given === undefined) return defaultLimits;
  checkObject('limits', given, 'an object, such as { baggageBytes: 4096 }');
  checkKnown(given, NAMES, 'limits');
  const limits: Record<keyof Limits, number> = { ...defaultLimits };
  for (const name of NAMES) {
    const limit = given[name];
    checkWhole(`limits.${name}`, limit, 0, MOST[name]);
    if (limit !== undefined) limits[name] = limit;
  }
  return limits;
}

/** Returns the limits of two that both hold: the tighter where both name one. */
export function tighter(a: Partial<Limits> | undefined, b: Partial<Limits> | undefined): Partial<Limits> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const limits: { -readonly [name in keyof Limits]?: number } = {};
  for (const name of NAMES) {
    const least = Math.min(a[name] ?? Infinity, b[name] ?? Infinity);
    if (least !== Infinity) limits[name] = least;
  }
  return limits;
}
