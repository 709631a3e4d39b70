import type { Owned } from '../handle.ts';

/** A broker that this process started, whichever program it is. */
export interface Broker extends Owned {
  brokers: string[];
}
