import { propagation } from '@opentelemetry/api';
import type { Baggage, BaggageEntry } from '@opentelemetry/api';
import { LINEAGE_KEY } from './codec.ts';

/**
 * The user's baggage with the lineage member before it, so that every propagator that carries baggage carries lineage too,
 * and the two can be told apart without taking either to pieces.
 */
export class LineageBaggage implements Baggage {
  /** The user's members alone. */
  readonly user: Baggage | undefined;
  /** The value of the lineage member. */
  readonly lineage: string;

  constructor(user: Baggage | undefined, lineage: string) {
    this.user = user;
    this.lineage = lineage;
  }

  getEntry(key: string): BaggageEntry | undefined {
    return key === LINEAGE_KEY ? { value: this.lineage } : this.user?.getEntry(key);
  }

  getAllEntries(): [string, BaggageEntry][] {
    return [[LINEAGE_KEY, { value: this.lineage }], ...(this.user?.getAllEntries() ?? [])];
  }

  // The member is not the user's to set.
  setEntry(key: string, entry: BaggageEntry): Baggage {
    if (key === LINEAGE_KEY) return this;
    return new LineageBaggage((this.user ?? propagation.createBaggage()).setEntry(key, entry), this.lineage);
  }

  removeEntry(key: string): Baggage {
    return this.removeEntries(key);
  }

  // Another loaded copy of this package takes the member out, to put its own in.
  removeEntries(...keys: string[]): Baggage {
    const user = this.user?.removeEntries(...keys);
    if (keys.includes(LINEAGE_KEY)) return user ?? propagation.createBaggage();
    return new LineageBaggage(user, this.lineage);
  }

  clear(): Baggage {
    return new LineageBaggage(undefined, this.lineage);
  }
}

/** Returns the user's members of `baggage`, without lineage. */
export function userBaggage(baggage: Baggage | undefined): Baggage | undefined {
  if (baggage === undefined) return undefined;
  if (baggage instanceof LineageBaggage) return baggage.user;
  // Extracted by another propagator, or by another loaded copy of this package.
  if (lineageText(baggage) === undefined) return baggage;
  const user = baggage.removeEntry(LINEAGE_KEY);
  return user.getAllEntries().length === 0 ? undefined : user;
}

/** Returns the value of the lineage member of `baggage`. */
export function lineageText(baggage: Baggage | undefined): string | undefined {
  if (baggage === undefined) return undefined;
  if (baggage instanceof LineageBaggage) return baggage.lineage;
  try {
    return baggage.getEntry(LINEAGE_KEY)?.value;
  } catch {
    return undefined;
  }
}

/** Returns `user` with a lineage member. */
export function withLineageMember(user: Baggage | undefined, lineage: string | undefined): Baggage | undefined {
  return lineage === undefined ? user : new LineageBaggage(user, lineage);
}
