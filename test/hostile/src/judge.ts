import { trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { SpanKind } from '@opentelemetry/api';
import { parseTracestate, startOutbound } from '@throughline/core/adapter';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]$/;
// Blanks may stand around keys, values and properties. W3C Baggage, 3.2.1.
const MEMBER =
  /^[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*[ \t]*(;[\t\x20-\x2b\x2d-\x7e]*)*$/;

/** Returns what is malformed in what `context` would send on, or `undefined`. Throws nothing that core does not. */
export function malformed(context: Context): string | undefined {
  const spanContext = trace.getSpanContext(context);
  if (spanContext !== undefined && !/^[0-9a-f]{32}$/.test(spanContext.traceId))
    return `trace id ${spanContext.traceId}`;
  const sending = startOutbound({
    transport: 'judge',
    name: 'judge',
    kind: SpanKind.CLIENT,
    target: { transport: 'judge', channel: 'memory' },
    context,
    span: false,
  });
  sending.end();
  if (sending.refused !== undefined) return `refused for ${sending.refused}, in observe mode`;
  for (const [name, text] of Object.entries(sending.fields)) {
    switch (name) {
      case 'traceparent':
        if (!TRACEPARENT.test(text)) return `traceparent: ${text}`;
        break;
      case 'tracestate':
        if (text === '' || text.length > 8192 || parseTracestate(text)?.serialize() !== text)
          return `tracestate: ${text}`;
        break;
      case 'baggage': {
        const members = text.split(',');
        if (text.length > 8192 || members.length > 64)
          return `baggage of ${text.length} bytes, ${members.length} members`;
        const wrong = members.find((member) => !MEMBER.test(member));
        if (wrong !== undefined) return `baggage member: ${wrong}`;
        break;
      }
      default:
        return `a field named ${name}`;
    }
  }
  return undefined;
}
