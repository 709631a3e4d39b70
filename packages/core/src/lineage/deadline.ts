import { detachedTimer } from '../context/detached.ts';

// setTimeout's limit, about 24 days. A later deadline needs no timer.
const MAX_TIMEOUT = 2_147_483_647;

/**
 * The moment at which a chain is over, and the signal that aborts then, made when somebody asks and one for all who ask. The moment
 * comes from outside, so that the timer holds nothing of who asked:
 *
 *     timer ──▶ controller ──▶ signal ──▶ its listeners      while somebody holds the deadline: a hop until it ends
 *     timer ┄┄▶ controller                                   then, for who still has the signal or runs in the chain
 *
 * What nobody has any more is collected, listeners too, and the timer with it.
 */
export class Deadline {
  readonly #at: number;
  readonly #kept: Kept = { controller: undefined };
  #controller: AbortController | undefined;
  #holders = 0;

  /** `at` is in milliseconds since the epoch. */
  constructor(at: number) {
    this.#at = at;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = expiring(this.#at, this.#kept);
      if (this.#holders > 0) this.#kept.controller = this.#controller;
    }
    return this.#controller.signal;
  }

  /** Sees to it that who only waits for the signal is woken. To be released. */
  hold(): void {
    this.#holders++;
    this.#kept.controller = this.#controller;
  }

  release(): void {
    if (--this.#holders === 0) this.#kept.controller = undefined;
  }
}

interface Kept {
  controller: AbortController | undefined;
}

function expiring(at: number, kept: Kept): AbortController {
  const controller = new AbortController();
  const left = Math.ceil(at - Date.now());
  if (left <= 0) controller.abort(timeoutError());
  else if (left <= MAX_TIMEOUT) {
    const weak = new WeakRef(controller);
    const timer = detachedTimer(() => (kept.controller ?? weak.deref())?.abort(timeoutError()), left);
    timers.register(controller, timer);
    controllers.set(controller.signal, controller);
  }
  return controller;
}

const timers = new FinalizationRegistry<ReturnType<typeof setTimeout>>((timer) => clearTimeout(timer));
// Who has a signal has what aborts it.
const controllers = new WeakMap<AbortSignal, AbortController>();

function timeoutError(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError');
}
