import type { AttributeValue, Context, Span } from '@opentelemetry/api';
import { describeSpan, guarded, printable } from '@throughline/core/adapter';
import type { Settings } from './settings.ts';

/** What an event says. What is `undefined` is left out. */
export type EventAttributes = Readonly<Record<string, AttributeValue>>;

/** Tells of an event: on the span where it is recorded, as a log record where there is a logger, as the options say. Never throws. */
export function tellEvent(
  settings: Settings,
  span: Span,
  context: Context,
  name: string,
  attributes: EventAttributes = {},
): void {
  const { onSpans, logger } = settings;
  if (onSpans) describeSpan(span, () => span.addEvent(name, saidOf(attributes)));
  if (logger !== undefined) {
    guarded('logger', () =>
      logger.emit({ eventName: name, attributes: saidOf(attributes), context, timestamp: Date.now() }),
    );
  }
}

function saidOf(attributes: EventAttributes): Record<string, AttributeValue> {
  const said: Record<string, AttributeValue> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) said[key] = typeof value === 'string' ? printable(value) : value;
  }
  return said;
}
