import { AsyncLocalStorage } from 'node:async_hooks';
import { context as contextApi } from '@opentelemetry/api';
import type { Attributes, Context, Tracer } from '@opentelemetry/api';
import { startStep } from '@throughline/agent';
import type { OpenStep } from '@throughline/agent';
import { failureType, warnOnce } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { endAttributes, stepOf } from './describe.ts';
import { fixed, FollowingContext } from './following-context.ts';
import { isTraced } from './framework.ts';
import type { ContextStorage, Framework, FrameworkSpan, Processor, Store } from './framework.ts';

// Registered, so that every loaded copy of this package reads the same.
const OPEN_SPAN: symbol = Symbol.for('throughline.openai-agents.span');

// Without spans of runs, the framework leaves the span of an agent open that waits for an approval, which may never come.
const MAX_OPEN = 10_000;

/** A span of the framework that is open, and the span of OpenTelemetry that stands for it. */
export interface OpenSpan {
  readonly span: FrameworkSpan;
  readonly step: OpenStep;
  /** What runs in it runs in this. */
  readonly context: Context;
  /** It was over before anybody told of it, and has the times that the framework says. */
  readonly isPast: boolean;
  /** The MCP call that it is: what its span says of it, and how it came out. */
  call?: { readonly attributes: Attributes; outcome?: Outcome | undefined };
}

/** Returns the innermost span of the framework that is open in a context. */
export function openSpanIn(context: Context): OpenSpan | undefined {
  return context.getValue(OPEN_SPAN) as OpenSpan | undefined;
}

/**
 * Gives the framework's spans their OpenTelemetry ones. The processor hears of starts and ends, and the storage makes them active: a
 * span begins with whichever of the two meets it first, because a processor that is not the first one hears late.
 */
export class Bridge implements Processor {
  readonly storage: ContextStorage;
  readonly #framework: Framework;
  readonly #stores = new AsyncLocalStorage<Store | undefined>();
  /** What was active where a store began. */
  readonly #around = new WeakMap<Store, Context>();
  readonly #open = new Map<string, OpenSpan>();
  /** Those that a slow processor before this one lets begin after their end. */
  readonly #ended = new WeakSet<FrameworkSpan>();
  #tracer: Tracer | undefined;
  /** Whether the framework may have let go of this processor. */
  #released = false;

  constructor(framework: Framework) {
    this.#framework = framework;
    const stores = this.#stores;
    this.storage = {
      run: (store, callback) => stores.run(store, () => this.#runIn(store, callback)),
      getStore: () => stores.getStore(),
      enterWith: (store) => stores.enterWith(store),
    };
  }

  get isTracing(): boolean {
    return this.#tracer !== undefined;
  }

  get isReleased(): boolean {
    return this.#released;
  }

  begin(tracer: Tracer): void {
    this.#tracer = tracer;
    this.#released = false;
  }

  /** What begins from now on has no span; what is open is traced to its end. */
  stop(): void {
    this.#tracer = undefined;
  }

  #runIn<R>(store: Store, callback: () => R): R {
    if (this.#tracer === undefined) return callback();
    const around = fixed(contextApi.active());
    this.#around.set(store, around);
    return contextApi.with(new FollowingContext(() => this.#current(store, around)), callback);
  }

  #current(store: Store, around: Context): Context {
    const span = this.#in(store, this.#framework.getCurrentSpan);
    // A span that was open before the store began: what is active in it, such as a span of the user's own, stays active.
    if (span === null || openSpanIn(around)?.span.spanId === span.spanId) return around;
    return this.#openOf(span, store, around)?.context ?? around;
  }

  #in<R>(store: Store, read: () => R): R {
    return this.#stores.getStore() === store ? read() : this.#stores.run(store, read);
  }

  #openOf(span: FrameworkSpan, store: Store, around: Context): OpenSpan | undefined {
    const known = this.#open.get(span.spanId);
    if (known !== undefined || this.#tracer === undefined || !isTraced(span) || span.endedAt !== null) return known;
    if (this.#released) {
      warnOnce('openai-agents.processor', replaced);
      return undefined;
    }
    // Behind another processor nobody has heard of its parent yet either.
    const { previousSpan } = span;
    if (previousSpan?.spanId === span.parentId) this.#openOf(previousSpan, store, around);
    return this.#start(span, this.#tracer, store, around);
  }

  #start(span: FrameworkSpan, tracer: Tracer, store: Store | undefined, around: Context): OpenSpan {
    const parent = span.parentId === null ? undefined : this.#open.get(span.parentId);
    const inside = parent === undefined || openSpanIn(around) === parent ? around : parent.context;
    const group = store && this.#in(store, this.#framework.getCurrentTrace);
    const conversation = group?.traceId === span.traceId ? (group.groupId ?? undefined) : undefined;
    const isPast = span.endedAt !== null;
    const step = startStep(stepOf(span.spanData, conversation), tracer, {
      parent: inside,
      startTime: isPast ? dateOf(span.startedAt) : undefined,
    });
    const open: { -readonly [K in keyof OpenSpan]: OpenSpan[K] } = { span, step, context: step.context, isPast };
    open.context = step.context.setValue(OPEN_SPAN, open);
    const [oldest] = this.#open.size < MAX_OPEN ? [] : this.#open.values();
    if (oldest !== undefined) this.#end(oldest, oldest.span, true);
    this.#open.set(span.spanId, open);
    return open;
  }

  async onSpanStart(span: FrameworkSpan): Promise<void> {
    if (this.#tracer === undefined || !isTraced(span) || this.#ended.has(span)) return;
    this.#released = false;
    const store = this.#stores.getStore();
    if (span.spanData.type === 'task' && store === undefined) warnOnce('openai-agents.storage', otherStorage);
    const around = (store && this.#around.get(store)) ?? fixed(contextApi.active());
    if (!this.#open.has(span.spanId)) this.#start(span, this.#tracer, store, around);
  }

  async onSpanEnd(span: FrameworkSpan): Promise<void> {
    this.#ended.add(span);
    const open = this.#open.get(span.spanId);
    if (open !== undefined) this.#end(open, span);
  }

  #end(open: OpenSpan, span: FrameworkSpan, abandoned = false): void {
    this.#open.delete(span.spanId);
    const { name, attributes } = stepOf(span.spanData, undefined);
    const { call } = open;
    open.step.describe({
      ...attributes,
      ...endAttributes(span.spanData),
      ...call?.attributes,
      ...call?.outcome?.attributes,
    });
    open.step.end({
      name,
      errorType: failureType(call?.outcome) ?? (abandoned ? 'abandoned' : undefined),
      // What an error says may be content.
      failed: span.error === null ? undefined : true,
      endTime: open.isPast ? dateOf(span.endedAt) : undefined,
    });
  }

  async onTraceStart(): Promise<void> {}

  async onTraceEnd(): Promise<void> {}

  // Called when the process ends, and by `setTraceProcessors` for those that it replaces.
  async shutdown(): Promise<void> {
    this.#released = true;
  }

  async forceFlush(): Promise<void> {}
}

function dateOf(text: string | null): Date | undefined {
  const date = new Date(text ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const replaced =
  'OpenAI Agents has let go of the processor of `traceAgents`, as `setTraceProcessors` makes it: its runs have no spans. Call `traceAgents` after `setTraceProcessors`.';
const otherStorage =
  'OpenAI Agents keeps its context elsewhere than in the storage of `traceAgents`: its spans are there, and not active, so that what they call is not below them. Call `traceAgents` after `setTracingContextStorage`, and with @openai/agents 0.20.';
