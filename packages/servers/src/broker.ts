import type { Supervised } from './supervised.ts';

/** A broker that this process started, whichever program it is. */
export interface Broker {
  brokers: string[];
  supervised: Supervised;
  /** Of the broker as it runs, or last ran. */
  pid(): number;
  kill: () => Promise<void>;
  restart: () => Promise<void>;
}
