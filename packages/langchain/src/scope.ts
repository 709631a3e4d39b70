import { stepTracer } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import type { Outcome } from '@throughline/core/adapter';
import type { Tracer } from '@opentelemetry/api';

/** Returns the tracer of this package's spans. */
export function tracerOf(options: StepOptions | undefined): Tracer {
  return stepTracer(options, '@throughline/langchain', '0.0.0');
}

/** How a step came out that threw: an interrupt, a hand-over and what else bubbles up to the graph are how LangGraph goes on. */
export function failureOf(error: unknown): Outcome {
  const bubbles =
    typeof error === 'object' && error !== null && (error as { is_bubble_up?: unknown }).is_bubble_up === true;
  return bubbles ? { failed: false } : { failed: true, error };
}
