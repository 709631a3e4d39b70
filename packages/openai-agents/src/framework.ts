import { ThroughlineError } from '@throughline/core';

/*
 * What the bridge uses of `@openai/agents-core`, by types of our own. All of it is public.
 */

/** A span of the framework. */
export interface FrameworkSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly spanData: SpanData;
  readonly error: unknown;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** The one that was current before it. */
  readonly previousSpan?: FrameworkSpan | undefined;
}

/** What a span of the framework is about. What else there is depends on `type`, and may be content. */
export interface SpanData {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A trace of the framework, which groups spans and is none itself. */
export interface FrameworkTrace {
  readonly traceId: string;
  readonly groupId?: string | null;
}

/** What the framework keeps where it runs. What is in it is the framework's own: it tells by `getCurrentSpan`. */
export type Store = object;

/** Where the framework keeps its {@link Store}. */
export interface ContextStorage {
  run<R>(store: Store, callback: () => R): R;
  getStore(): Store | undefined;
  enterWith(store: Store | undefined): void;
}

/** What hears of spans. */
export interface Processor {
  onTraceStart(trace: FrameworkTrace): Promise<void>;
  onTraceEnd(trace: FrameworkTrace): Promise<void>;
  onSpanStart(span: FrameworkSpan): Promise<void>;
  onSpanEnd(span: FrameworkSpan): Promise<void>;
  shutdown(timeout?: number): Promise<void>;
  forceFlush(): Promise<void>;
}

export interface Framework {
  addTraceProcessor(processor: Processor): void;
  setTracingContextStorage(storage?: ContextStorage): void;
  getCurrentSpan(): FrameworkSpan | null;
  getCurrentTrace(): FrameworkTrace | null;
  getGlobalTraceProvider(): { createTrace(options: { readonly name: string }): FrameworkTrace };
}

const NEEDED = [
  'addTraceProcessor',
  'setTracingContextStorage',
  'getCurrentSpan',
  'getCurrentTrace',
  'getGlobalTraceProvider',
] as const;

/** Returns what the bridge needs of the framework. Throws a `ThroughlineError` for a version that has not all of it. */
export function frameworkOf(loaded: object): Framework {
  for (const name of NEEDED) {
    if (typeof (loaded as Record<string, unknown>)[name] === 'function') continue;
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      `\`traceAgents\` needs \`${name}\` of @openai/agents-core, which this version has not: install version 0.20.`,
    );
  }
  return loaded as Framework;
}

// Of what the framework makes while its tracing is disabled.
const NO_OP = 'no-op';

/** Whether a trace or span of the framework stands for something. */
export function isTraced({ traceId }: { readonly traceId: string }): boolean {
  return traceId !== NO_OP;
}
