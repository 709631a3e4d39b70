import { context as contextApi } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { detachedTimer } from '../context/detached.ts';
import { refusalOutcome } from '../lineage/refusal.ts';
import type { Refused } from '../lineage/refusal.ts';
import type { HopSettings } from '../policy/settings.ts';
import { whenSettled } from '../settled.ts';
import { guarded } from '../telemetry/guard.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import type { InboundHop, OutboundHop, Received, Sending } from './hop.ts';
import { startInbound } from './inbound.ts';
import type { Endable, OpenHops } from './open-hops.ts';
import { startOutbound } from './outbound.ts';

/*
 * A hop has one life:
 *
 *     start → refuse, or run → settle → measure → end
 *
 * An adapter describes the hop, writes the fields into its own kind of copy, and calls. Here a result settles, whether a value, a
 * promise or any thenable; a failure is told by a flag and never by its value; and what telemetry throws goes no further.
 */

/** What both ends of a hop can be told beside the work itself. */
export interface Life {
  /** Adds to a span that is recorded what samplers do not decide by. What it throws is told once. */
  readonly describe?: ((span: Span) => void) | undefined;
  /** How the hop came out that failed. Default: as an error of the class of what was thrown. */
  readonly failure?: ((error: unknown) => Outcome) | undefined;
  /** Told how long the hop took, in seconds, how it came out, and in which context. Without it nobody looks at the clock. */
  readonly measure?: ((seconds: number, outcome: Outcome | undefined, context: Context) => void) | undefined;
  /** The client's hops that have not ended: this one is among them for as long. */
  readonly open?: OpenHops | undefined;
}

/** The outbound end of a hop that {@link runOutbound} runs. */
export interface OutboundRun<T> extends Life {
  /** Makes the call. Run the library's own function in `sending.inner`, and one that the user supplied in `sending.wire`. */
  call(sending: Sending): T;
  /** How a call came out that returned, or whose promise was fulfilled. Default: well. */
  outcome?(result: Awaited<T>, sending: Sending): Outcome | undefined;
  /** What is returned for a hop that the limits of its chain refuse. Default: its `LineageError` is thrown. */
  refused?(refused: Refused): T;
}

/** The inbound end of a hop that {@link runInbound} runs. */
export interface InboundRun<T> extends Life {
  /** Does the work, in the hop's context. */
  work(received: Received): T;
  /** How work came out that returned, or whose promise was fulfilled. Default: well. */
  outcome?(result: Awaited<T>, received: Received): Outcome | undefined;
  /** What is returned for a hop that the limits of its chain refuse. Default: its `LineageError` is thrown. */
  refused?(refused: Refused): T;
  /** Milliseconds after which the span of work that has not settled is given up; the work itself runs on. Default: never. */
  readonly timeout?: number | undefined;
  /** Called when `timeout` is over and the span has ended. */
  readonly gaveUp?: (() => void) | undefined;
}

/**
 * Returns what `run.call` returns, made under an outbound hop that ends when the call has returned, or its promise has settled. A
 * thrown value comes out as the same object.
 */
export function runOutbound<T>(hop: OutboundHop, settings: HopSettings | undefined, run: OutboundRun<T>): T {
  const sending = startOutbound(hop, settings);
  if (run.describe !== undefined) sending.describe(run.describe);
  if (sending.refused !== undefined) return refuse(sending, run);
  return follow(
    sending,
    run,
    () => run.call(sending),
    (result) => run.outcome?.(result as Awaited<T>, sending),
  );
}

/**
 * Returns what `run.work` returns, run in the context of an inbound hop that ends when the work has returned, or its promise has
 * settled. A thrown value comes out as the same object.
 */
export function runInbound<T>(hop: InboundHop, settings: HopSettings | undefined, run: InboundRun<T>): T {
  const received = startInbound(hop, settings);
  if (run.describe !== undefined) received.describe(run.describe);
  if (received.refused !== undefined) return refuse(received, run);
  return follow(
    received,
    run,
    () => contextApi.with(received.context, () => run.work(received)),
    (result) => run.outcome?.(result as Awaited<T>, received),
    run.timeout,
    run.gaveUp,
  );
}

function refuse<T>(refused: Refused, run: OutboundRun<T> | InboundRun<T>): T {
  const { measure } = run;
  return whenSettled(
    () => {
      if (run.refused === undefined) throw refused.error;
      return run.refused(refused);
    },
    () => {
      refused.end();
      if (measure !== undefined) guarded('meter', () => measure(0, refusalOutcome(refused.error), refused.context));
    },
  );
}

interface Running extends Endable {
  readonly context: Context;
}

function follow<T>(
  hop: Running,
  { open, measure, failure }: Life,
  work: () => T,
  success: (result: unknown) => Outcome | undefined,
  timeout?: number,
  gaveUp?: () => void,
): T {
  const started = measure === undefined ? 0 : performance.now();
  const running = timeout === undefined ? hop : limited(hop, open, timeout, gaveUp);
  open?.add(running);
  return whenSettled(work, (failed, value) => {
    open?.delete(running);
    let outcome: Outcome | undefined = failed ? { failed, error: value } : undefined;
    guarded('outcome', () => {
      if (!failed) outcome = success(value);
      else if (failure !== undefined) outcome = { failed, ...failure(value) };
    });
    running.end(outcome);
    if (measure !== undefined)
      guarded('meter', () => measure((performance.now() - started) / 1000, outcome, hop.context));
  });
}

/** Returns a hop that is given up after some milliseconds, unless it ends before. */
function limited(
  hop: Endable,
  open: OpenHops | undefined,
  milliseconds: number,
  gaveUp: (() => void) | undefined,
): Endable {
  const timer = detachedTimer(() => {
    open?.delete(running);
    hop.end({ errorType: 'handler_timeout' });
    gaveUp?.();
  }, milliseconds);
  const running: Endable = {
    end(outcome) {
      clearTimeout(timer);
      hop.end(outcome);
    },
  };
  return running;
}
