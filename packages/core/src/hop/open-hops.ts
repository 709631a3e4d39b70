import { detachedTimer } from '../context/detached.ts';
import type { Outcome } from '../telemetry/outcome.ts';

/** What can be ended. */
export interface Endable {
  end(outcome?: Outcome): void;
}

/** How long a client that is asked to disconnect may wait for a handler before the handler's span is given up. Milliseconds. */
const GRACE = 5000;

/** The hops of one client that have not ended, so that none stays open when the client goes. */
export class OpenHops {
  readonly #hops = new Set<Endable>();

  get size(): number {
    return this.#hops.size;
  }

  add(hop: Endable): void {
    this.#hops.add(hop);
  }

  delete(hop: Endable): void {
    this.#hops.delete(hop);
  }

  /** Ends what is open with `error.type: abandoned`: whoever would have ended it is gone. */
  abandon(): void {
    const hops = [...this.#hops];
    this.#hops.clear();
    for (const hop of hops) hop.end({ errorType: 'abandoned' });
  }

  /**
   * Returns `disconnected`, the promise of a client that disconnects. What is open when it settles is abandoned; so is what is
   * open after a grace of 5 s, because clients wait without end for a handler that never returns.
   */
  until<T>(disconnected: T): T {
    const abandon = (): void => this.abandon();
    if (typeof (disconnected as { then?: unknown } | null | undefined)?.then !== 'function') {
      abandon();
      return disconnected;
    }
    const timer = detachedTimer(abandon, GRACE);
    const settled = (): void => {
      clearTimeout(timer);
      abandon();
    };
    (disconnected as PromiseLike<unknown>).then(settled, settled);
    return disconnected;
  }
}
