import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api';
import { digestOf } from '../digest.ts';
import type { EarlierAttempts } from '../model/end-call.ts';
import { turnIn } from '../turn.ts';

/** What a call of a model is about, as the AI SDK says it. */
export interface Work {
  readonly model: string | undefined;
  readonly headers: unknown;
  readonly prompt: unknown;
}

interface Tried {
  readonly key: string;
  readonly count: number;
  /** Milliseconds of waiting, until it failed last. */
  readonly waited: number;
  readonly failedAt: number;
}

// The SDK waits no longer than a minute.
const LONGEST_WAIT = 70_000;
const MOST = 20;

/**
 * What has been tried in vain. Where the AI SDK tries again, it calls the middleware again, as if for something new. So an attempt is told by what
 * stays: the same question to the same model, asked soon after it failed, and from the same place.
 */
export class Works {
  readonly #tried = new WeakMap<object, Tried[]>();

  /** Returns the attempts before this one. */
  earlier(work: Work): EarlierAttempts | undefined {
    const tried = this.#take(work);
    if (tried === undefined) return undefined;
    const waited = tried.waited + performance.now() - tried.failedAt;
    return { count: tried.count, waited };
  }

  /** Remembers a call that failed, and what was before it. */
  failed(work: Work, earlier: EarlierAttempts | undefined): void {
    const place = placeOf(work);
    const key = place === undefined ? undefined : keyOf(work);
    if (place === undefined || key === undefined) return;
    const { count, waited } = earlier ?? { count: 0, waited: 0 };
    const all = this.#tried.get(place) ?? [];
    this.#tried.set(place, all);
    all.push({ key, count: count + 1, waited, failedAt: performance.now() });
    if (all.length > MOST) all.shift();
  }

  #take(work: Work): Tried | undefined {
    const place = placeOf(work);
    const all = place === undefined ? undefined : this.#tried.get(place);
    if (all === undefined || all.length === 0) return undefined;
    const key = keyOf(work);
    const at = all.findIndex((tried) => tried.key === key && performance.now() - tried.failedAt < LONGEST_WAIT);
    return at < 0 ? undefined : all.splice(at, 1)[0];
  }
}

/** `generateText` and `embed` make their headers once for all attempts; `streamText` makes nothing, and only runs in the same turn or context. */
function placeOf({ headers }: Work): object | undefined {
  if (typeof headers === 'object' && headers !== null) return headers;
  const active = contextApi.active();
  return turnIn(active) ?? (active === ROOT_CONTEXT ? undefined : active);
}

function keyOf({ model, prompt }: Work): string | undefined {
  const digest = digestOf(prompt);
  return digest === undefined ? undefined : `${model ?? ''} ${digest}`;
}
