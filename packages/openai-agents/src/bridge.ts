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
import type { ContextStorage, FrameworkSpan, Processor, Store } from './framework.ts';

// Registered, so that every loaded copy of this package reads the same.
const OPEN_SPAN: symbol = Symbol.for('throughline.openai-agents.span');

/** A span of the framework that is open, and the span of OpenTelemetry that stands for it. */
export interface OpenSpan {
  readonly span: FrameworkSpan;
  readonly step: OpenStep;
  /** What runs in it runs in this. */
  readonly context: Context;
  readonly parent: OpenSpan | undefined;
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
  readonly #stores = new AsyncLocalStorage<Store | undefined>();
  /** What was active where a store began. */
  readonly #around = new WeakMap<Store, Context>();
  readonly #open = new Map<string, OpenSpan>();
  /** Those that a slow processor before this one lets begin after their end. */
  readonly #ended = new WeakSet<FrameworkSpan>();
  #tracer: Tracer | undefined;
  /** Whether the framework may have let go of this processor. */
  #released = false;

  constructor() {
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
    const span = store.active ? store.span : undefined;
    // A span that was open before the store began: what is active in it, such as a span of the user's own, stays active.
    if (span === undefined || openSpanIn(around)?.span.spanId === span.spanId) return around;
    return this.#openOf(span, store, around)?.context ?? around;
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
    const conversation = store?.trace?.traceId === span.traceId ? (store.trace.groupId ?? undefined) : undefined;
    const step = startStep(stepOf(span.spanData, conversation), tracer, {
      parent: inside,
      startTime: span.endedAt === null ? undefined : dateOf(span.startedAt),
    });
    const open: { -readonly [K in keyof OpenSpan]: OpenSpan[K] } = { span, step, context: step.context, parent };
    open.context = step.context.setValue(OPEN_SPAN, open);
    this.#open.set(span.spanId, open);
    return open;
  }

  async onSpanStart(span: FrameworkSpan): Promise<void> {
    if (this.#tracer === undefined || !isTraced(span) || this.#ended.has(span)) return;
    this.#released = false;
    const store = this.#stores.getStore();
    if (span.spanData.type === 'task' && store?.trace?.traceId !== span.traceId)
      warnOnce('openai-agents.storage', otherStorage);
    const around = (store && this.#around.get(store)) ?? fixed(contextApi.active());
    if (!this.#open.has(span.spanId)) this.#start(span, this.#tracer, store, around);
  }

  async onSpanEnd(span: FrameworkSpan): Promise<void> {
    this.#ended.add(span);
    const open = this.#open.get(span.spanId);
    if (open === undefined) return;
    // A run that stops for an approval leaves its agent open.
    if (span.spanData.type === 'task')
      for (const other of this.#open.values()) if (other.parent === open) this.#end(other, other.span);
    this.#end(open, span);
  }

  #end(open: OpenSpan, span: FrameworkSpan): void {
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
      errorType: failureType(call?.outcome),
      // What an error says may be content.
      failed: span.error === null ? undefined : true,
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
