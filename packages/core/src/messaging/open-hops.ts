import type { Outcome } from '../hop/hop.ts';

interface Endable {
  end(outcome?: Outcome): void;
}

/** How long a client that is asked to disconnect may wait for a handler before the handler's span is given up. Milliseconds. */
const GRACE = 5000;

/** A hop among those of its client that have not ended; the links are the list's own. */
export interface OpenHop extends Endable {
  previous: OpenHop | undefined;
  next: OpenHop | undefined;
}

/**
 * The hops of one client that have not ended, so that none stays open when the client goes. A list that is linked, and whose
 * members may hold the links themselves: a hop comes and goes with every message, and a `Set` would have to give each an identity
 * first.
 */
export class OpenHops {
  #last: OpenHop | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a hop, and returns what to hand to `delete` when it ends. */
  add(hop: Endable): OpenHop {
    const open = new Link(hop);
    this.link(open);
    return open;
  }

  /** Adds a hop that holds its links itself. */
  link(open: OpenHop): void {
    open.previous = this.#last;
    if (this.#last !== undefined) this.#last.next = open;
    this.#last = open;
    this.#size++;
  }

  /** Forgets a hop, unless it was abandoned. */
  delete(open: OpenHop): void {
    const { previous, next } = open;
    if (next !== undefined) next.previous = previous;
    else if (this.#last === open) this.#last = previous;
    else return;
    if (previous !== undefined) previous.next = next;
    open.previous = open.next = undefined;
    this.#size--;
  }

  /** Ends what is open with `error.type: abandoned`: whoever would have ended it is gone. */
  abandon(): void {
    for (let open = this.#last; open !== undefined; open = this.#last) {
      this.delete(open);
      open.end({ errorType: 'abandoned' });
    }
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
    const timer = setTimeout(abandon, GRACE);
    timer.unref();
    const settled = (): void => {
      clearTimeout(timer);
      abandon();
    };
    (disconnected as PromiseLike<unknown>).then(settled, settled);
    return disconnected;
  }
}

class Link implements OpenHop {
  readonly #hop: Endable;
  previous: OpenHop | undefined = undefined;
  next: OpenHop | undefined = undefined;

  constructor(hop: Endable) {
    this.#hop = hop;
  }

  end(outcome?: Outcome): void {
    this.#hop.end(outcome);
  }
}
