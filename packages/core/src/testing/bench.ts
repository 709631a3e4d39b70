import assert from 'node:assert/strict';
import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span, SpanContext } from '@opentelemetry/api';
import { suppressTracing } from '../context/opentelemetry.ts';
import { currentLineage } from '../lineage/api.ts';
import { isLineageError } from '../lineage/refusal.ts';
import type { HopOptions } from '../policy/options.ts';
import type {
  AdapterHarness,
  Arrival,
  Call,
  ContractTelemetry,
  Field,
  FinishedSpan,
  Opening,
  Sent,
} from './harness.ts';
import type { Outcome } from './outcome.ts';
import type { WatchedTracing } from './watch.ts';

/** The context that work runs in, as the work itself sees it. */
export interface Seen {
  readonly spanContext: SpanContext | undefined;
  /** The user's baggage. */
  readonly baggage: Readonly<Record<string, string>>;
  readonly hops: number | undefined;
  /** Milliseconds since the epoch. */
  readonly deadline: number | undefined;
}

/** Returns what the work that runs now sees of its context. */
export function seenHere(): Seen {
  const entries = propagation.getActiveBaggage()?.getAllEntries() ?? [];
  return {
    spanContext: trace.getActiveSpan()?.spanContext(),
    baggage: Object.fromEntries(
      entries.filter(([key]) => key !== LINEAGE).map(([key, { value }]): [string, string] => [key, value]),
    ),
    hops: currentLineage()?.hops,
    deadline: currentLineage()?.deadline,
  };
}

export const LINEAGE = 'throughline.lineage';

/** The handler's result, in cases that do not look at it. */
export const done = 'done';

type Wrapped = Pick<Opening, 'twice'> & { readonly options?: HopOptions };

/** What a case works with: the harness, and what the SDK has seen since the case began. */
export class Bench {
  readonly harness: AdapterHarness;
  readonly telemetry: ContractTelemetry;
  readonly #tracing: WatchedTracing;
  readonly #close: (() => unknown)[] = [];

  constructor(harness: AdapterHarness, tracing: WatchedTracing) {
    this.harness = harness;
    this.telemetry = harness.telemetry;
    this.#tracing = tracing;
  }

  /** Options with the tracing that this case watches. */
  options(options?: HopOptions): HopOptions {
    return { tracerProvider: this.#tracing.provider, ...options };
  }

  /** Opens the sending end, sends what `run` asks for, and closes it. */
  async sender<T>(
    { options, twice }: Wrapped,
    run: (send: (call?: Partial<Call>) => Promise<Sent>) => Promise<T>,
  ): Promise<T> {
    const { outbound } = this.harness;
    assert(outbound, 'the harness has an outbound end');
    const sender = await context.with(ROOT_CONTEXT, () => outbound.open({ options: this.options(options), twice }));
    if (sender.close !== undefined) this.#close.push(() => sender.close?.());
    await this.telemetry.reset();
    return run((call) => sender.send({ fields: undefined, instead: undefined, ...call }));
  }

  /** Sends one call, below a span of the caller's unless `within` says where. */
  async send(
    options?: HopOptions,
    call?: Partial<Call>,
    { twice = false, within, suppressed = false }: { twice?: boolean; within?: Context; suppressed?: boolean } = {},
  ): Promise<Sent & { readonly caller: Span }> {
    return this.sender({ options: options ?? {}, twice }, async (send) => {
      const sent = (): Promise<Sent> =>
        suppressed ? context.with(suppressTracing(context.active()), () => send(call)) : send(call);
      const { span, result } = await inCaller(sent, within);
      return { ...result, caller: span };
    });
  }

  /** Opens the receiving end, delivers what `run` asks for, and closes it. */
  async receiver<T>(
    { options, twice }: Wrapped,
    run: (deliver: (fields: readonly Field[], handle?: () => unknown) => Promise<Delivered>) => Promise<T>,
  ): Promise<T> {
    const { inbound } = this.harness;
    assert(inbound, 'the harness has an inbound end');
    const receiver = await inbound.open({ options: this.options(options), twice });
    if (receiver.close !== undefined) this.#close.push(() => receiver.close?.());
    await this.telemetry.reset();
    return run(async (fields, handle = () => done) => {
      const runs: Seen[] = [];
      const arrival: Arrival = {
        fields,
        handle: () => {
          runs.push(seenHere());
          return handle();
        },
      };
      const outcome = await receiver.deliver(arrival);
      return { outcome, runs };
    });
  }

  /** Delivers one carrier. The handler runs once; what it saw is `seen`. */
  async deliver(
    fields: readonly Field[],
    options?: HopOptions,
    handle?: () => unknown,
    twice = false,
  ): Promise<Delivered & { readonly seen: Seen }> {
    const delivered = await this.receiver({ options: options ?? {}, twice }, (deliver) => deliver(fields, handle));
    assert.equal(delivered.runs.length, 1, `the handler runs once; it ran ${delivered.runs.length} times`);
    return { ...delivered, seen: delivered.runs[0] as Seen };
  }

  /** The finished span with this id. */
  span(spanId: string | undefined): FinishedSpan {
    const spans = this.telemetry.spans().filter((one) => one.spanContext().spanId === spanId);
    assert.equal(spans.length, 1, `one finished span has the id ${spanId}; there are ${this.#told()}`);
    return spans[0] as FinishedSpan;
  }

  /** The finished spans below one: the hops that it made. */
  below(caller: Span): FinishedSpan[] {
    const { spanId } = caller.spanContext();
    return this.telemetry.spans().filter((span) => span.parentSpanContext?.spanId === spanId);
  }

  /** The one hop that a caller made. */
  hopOf(caller: Span): FinishedSpan {
    const hops = this.below(caller);
    assert.equal(hops.length, 1, `the call made one span; there are ${this.#told()}`);
    return hops[0] as FinishedSpan;
  }

  /** No hop has been counted but this one, where counts are looked at. */
  async counted(direction: 'inbound' | 'outbound', outcome: string): Promise<void> {
    const hops = await this.telemetry.hops?.();
    if (hops === undefined) return;
    const key = `${this.harness.transport} ${direction} ${outcome}`;
    assert(key in hops, `throughline.hops counts '${key}'; it has ${Object.keys(hops).join(', ') || 'nothing'}`);
  }

  /** Closes what the case has opened. */
  async close(): Promise<void> {
    for (const close of this.#close.splice(0).reverse()) await close();
  }

  #told(): string {
    const spans = this.telemetry.spans().map((span) => `${span.name} (${span.spanContext().spanId})`);
    return spans.length === 0 ? 'none' : spans.join(', ');
  }
}

/** What a delivery came to, and what the handler saw each time that it ran. */
export interface Delivered {
  readonly outcome: Outcome;
  readonly runs: readonly Seen[];
}

/** Runs `fn` in a span of the caller's own. */
export async function inCaller<T>(fn: () => Promise<T>, within?: Context): Promise<{ span: Span; result: T }> {
  const base = within ?? ROOT_CONTEXT;
  const span = trace.getTracer('contract').startSpan('caller', {}, base);
  try {
    return { span, result: await context.with(trace.setSpan(base, span), fn) };
  } finally {
    span.end();
  }
}

/** Returns a context that holds what arrived from elsewhere. */
export function remoteContext(
  spanContext: Partial<SpanContext> = {},
  baggage?: Readonly<Record<string, string>>,
): Context {
  const given: SpanContext = { traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true, ...spanContext };
  const parent = trace.setSpanContext(ROOT_CONTEXT, given);
  return baggage === undefined ? parent : withBaggage(parent, baggage);
}

/** Returns `parent` with the user's baggage. */
export function withBaggage(parent: Context, baggage: Readonly<Record<string, string>>): Context {
  const entries = Object.entries(baggage).map(([key, value]): [string, { value: string }] => [key, { value }]);
  return propagation.setBaggage(parent, propagation.createBaggage(Object.fromEntries(entries)));
}

export const TRACE = '0af7651916cd43dd8448eb211c80319c';
export const SPAN = 'b7ad6b7169203331';
export const OTHER_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
export const OTHER_SPAN = '00f067aa0ba902b7';
export const traceparent = (traceId: string = TRACE, spanId: string = SPAN): string => `00-${traceId}-${spanId}-01`;

/** The values under a field's name, in any letter case. */
export function valuesOf(wire: readonly Field[] | undefined, field: string): unknown[] {
  assert(wire, 'the library was called');
  return wire.filter(([name]) => name.toLowerCase() === field).map(([, value]) => value);
}

/** The one value under a field's name, as text. */
export function valueOf(wire: readonly Field[] | undefined, field: string): string {
  const values = valuesOf(wire, field);
  assert.equal(values.length, 1, `one \`${field}\` is on the wire; there are ${values.length}`);
  assert.equal(typeof values[0], 'string', `\`${field}\` is text`);
  return values[0] as string;
}

/** The ids in the one `traceparent` on the wire. */
export function idsOf(wire: readonly Field[] | undefined): { traceId: string; spanId: string } {
  const text = valueOf(wire, 'traceparent');
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$/.exec(text) ?? [];
  assert(traceId !== undefined && spanId !== undefined, `'${text}' is a traceparent`);
  return { traceId, spanId };
}

/** The user's members of the `baggage` on the wire. */
export function baggageOf(wire: readonly Field[] | undefined): string[] {
  const members = valuesOf(wire, 'baggage').flatMap((value) => String(value).split(','));
  return members.filter((member) => !member.startsWith(`${LINEAGE}=`)).map((member) => member.trim());
}

/** The span says that it failed, with this `error.type`. */
export function assertFailed(span: FinishedSpan, errorType: string | RegExp = /./): void {
  assert.equal(span.status.code, SpanStatusCode.ERROR, `the status of '${span.name}' is ERROR`);
  const type = span.attributes['error.type'];
  const right = typeof errorType === 'string' ? type === errorType : typeof type === 'string' && errorType.test(type);
  assert(right, `the \`error.type\` of '${span.name}' is ${String(errorType)}; it is ${JSON.stringify(type)}`);
}

/** The very value that was thrown came out. */
export function assertThrew(outcome: Outcome, value: unknown): void {
  assert(outcome.failed, 'the failure comes out');
  assert(Object.is(outcome.value, value), 'the value that was thrown comes out as the same value');
}

/** A `LineageError` came out. */
export function assertRefused(outcome: Outcome): void {
  assert(outcome.failed && isLineageError(outcome.value), 'a LineageError is thrown');
}
