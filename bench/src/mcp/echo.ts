import { context, trace } from '@opentelemetry/api';
import type { Tool } from './sdk.ts';

/** What the first call of the tool saw. */
export interface Seen {
  /** The trace that was active. */
  readonly active?: string | undefined;
  /** The `traceparent` of the request. */
  readonly carried?: unknown;
}

/** A tool that gives its text back, and remembers how it was called first. */
export interface EchoTool {
  readonly tool: Tool;
  seen(): Seen;
}

export function echoTool(): EchoTool {
  let first: Seen | undefined;
  return {
    tool: ({ text }, { _meta }) => {
      first ??= { active: trace.getSpanContext(context.active())?.traceId, carried: _meta?.['traceparent'] };
      return Promise.resolve({ content: [{ type: 'text', text }] });
    },
    seen: () => first ?? {},
  };
}
