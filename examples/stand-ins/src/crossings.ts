import type { CollectedSpan } from '@throughline/verify';
import type { Answer } from './stage.ts';

/** How one question crossed from the agent to the tool. */
export interface Crossing {
  readonly question: string;
  /** The spans of tool calls at the caller: CLIENT spans of MCP, and spans of the framework that such a call has added to. */
  readonly called: readonly CollectedSpan[];
  /** The SERVER spans of tool calls. */
  readonly served: readonly CollectedSpan[];
  /** Whether the answer is one to this very question, and each call has one CLIENT and one SERVER span, the one below the other. */
  readonly whole: boolean;
}

/** Returns how each question crossed; `calls` is how many tool calls one takes. */
export function crossings(answers: readonly Answer[], spans: readonly CollectedSpan[], calls = 1): Crossing[] {
  return answers.map(({ traceId, question, status, text }) => {
    const inTrace = toolCalls(spans).filter((span) => span.traceId === traceId);
    const served = inTrace.filter(({ kind }) => kind === 'SERVER');
    const called = inTrace.filter(({ kind }) => kind !== 'SERVER');
    const callers = new Set(called.map(({ spanId }) => spanId));
    const parents = new Set(served.map(({ parentSpanId }) => parentSpanId));
    const whole =
      status === 200 &&
      text.includes(`found <${question.replace(/^[a-z ]+: /, '')}>`) &&
      served.length === calls &&
      called.length === calls &&
      parents.size === calls &&
      [...parents].every((parent) => parent !== undefined && callers.has(parent));
    return { question, called, served, whole };
  });
}

/** Returns the spans of tool calls that are in no trace of a question: what got lost, or crossed into another trace. */
export function strays(answers: readonly Answer[], spans: readonly CollectedSpan[]): CollectedSpan[] {
  const asked = new Set(answers.map(({ traceId }) => traceId));
  return toolCalls(spans).filter(({ traceId }) => !asked.has(traceId));
}

function toolCalls(spans: readonly CollectedSpan[]): CollectedSpan[] {
  return spans.filter(({ attributes }) => attributes['mcp.method.name'] === 'tools/call');
}
