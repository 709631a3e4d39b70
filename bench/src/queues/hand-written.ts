import {
  context,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Context, Span, TextMapGetter, Tracer } from '@opentelemetry/api';

/** What the spans of a system and a destination are made with. */
export interface HandWritten {
  readonly tracer: Tracer;
  readonly system: string;
  readonly destination: string;
}

/** A span that is open, and its context as the fields of a message. */
export interface Sending {
  readonly span: Span;
  readonly fields: Record<string, string>;
}

/** What anyone would write before a send: a span, and its context in fields. */
export function startSend(
  { tracer, system, destination }: HandWritten,
  more?: Attributes,
  operation = 'send',
): Sending {
  const attributes: Attributes = {
    'messaging.system': system,
    'messaging.operation.name': operation,
    'messaging.operation.type': 'send',
    'messaging.destination.name': destination,
    ...more,
  };
  const active = context.active();
  const span = tracer.startSpan(`${operation} ${destination}`, { kind: SpanKind.PRODUCER, attributes }, active);
  const fields: Record<string, string> = {};
  propagation.inject(trace.setSpan(active, span), fields);
  return { span, fields };
}

/** Ends a span with its outcome. */
export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined && error !== null) {
    span.recordException(error as Error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** {@link startSend} around a send that gives a promise. */
export async function sent<T>(
  by: HandWritten,
  send: (fields: Record<string, string>, span: Span) => Promise<T>,
  more?: Attributes,
  operation?: string,
): Promise<T> {
  const { span, fields } = startSend(by, more, operation);
  try {
    const result = await send(fields, span);
    endSpan(span);
    return result;
  } catch (error) {
    endSpan(span, error);
    throw error;
  }
}

/** A message as its fields are read. */
export interface Received<C> {
  readonly carrier: C;
  /** Default: of an object of strings. */
  readonly getter?: TextMapGetter<C>;
  readonly more?: Attributes;
}

/** What anyone would write around a handler: extract, a span, run, the outcome. The span ends when the handler returns. */
export function handled<C, T>(by: HandWritten, received: Received<C>, handler: () => T): T {
  const { span, active } = startProcess(by, received);
  try {
    const result = context.with(active, handler);
    endSpan(span);
    return result;
  } catch (error) {
    endSpan(span, error);
    throw error;
  }
}

/** As {@link handled}, until the promise of the handler settles. */
export async function handledAsync<C, T>(
  by: HandWritten,
  received: Received<C>,
  handler: () => Promise<T>,
): Promise<T> {
  const { span, active } = startProcess(by, received);
  try {
    const result = await context.with(active, handler);
    endSpan(span);
    return result;
  } catch (error) {
    endSpan(span, error);
    throw error;
  }
}

function startProcess<C>(
  { tracer, system, destination }: HandWritten,
  { carrier, getter = defaultTextMapGetter as TextMapGetter<C>, more }: Received<C>,
): { readonly span: Span; readonly active: Context } {
  const parent = propagation.extract(ROOT_CONTEXT, carrier, getter);
  const sender = trace.getSpanContext(parent);
  const attributes: Attributes = {
    'messaging.system': system,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': destination,
    ...more,
  };
  const links = sender === undefined ? [] : [{ context: sender }];
  const span = tracer.startSpan(`process ${destination}`, { kind: SpanKind.CONSUMER, attributes, links }, parent);
  return { span, active: trace.setSpan(parent, span) };
}
