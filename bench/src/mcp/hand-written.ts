import { context, metrics, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Histogram, Tracer } from '@opentelemetry/api';
import type { Call, Tool } from './sdk.ts';

/** How the pair is written. */
export interface HandWritten {
  readonly tracer: Tracer;
  /** With the two duration histograms, as somebody with a meter provider writes it. */
  readonly measures: boolean;
  readonly stdio: boolean;
}

/** What anyone would write around `client.callTool`: the span, its context in `_meta`, the outcome. */
export function tracedCall(call: Call, { tracer, measures, stdio }: HandWritten): Call {
  // The SDK's first id is that of `initialize`.
  let id = 1;
  const measure = measures ? durations('client', stdio) : undefined;
  return async (params) => {
    const since = measure === undefined ? 0 : performance.now();
    const parent = context.active();
    const { name } = params;
    const span = tracer.startSpan(
      `tools/call ${name}`,
      { kind: SpanKind.CLIENT, attributes: attributesOf(name, id++, stdio) },
      parent,
    );
    const active = trace.setSpan(parent, span);
    const _meta: Record<string, string> = {};
    propagation.inject(active, _meta);
    try {
      const result = await context.with(active, call, undefined, { ...params, _meta: { ...params._meta, ..._meta } });
      if (result['isError'] === true) {
        span.setAttribute('error.type', 'tool_error');
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      return result;
    } catch (error) {
      span.recordException(error as Error);
      span.setAttribute('error.type', (error as Error).name);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
      measure?.(since, name);
    }
  };
}

/** What anyone would write around a tool's handler. */
export function tracedTool(tool: Tool, { tracer, measures, stdio }: HandWritten): Tool {
  const measure = measures ? durations('server', stdio) : undefined;
  return async (input, request) => {
    const since = measure === undefined ? 0 : performance.now();
    const parent = propagation.extract(ROOT_CONTEXT, request._meta ?? {});
    const attributes = attributesOf('echo', request.id, stdio);
    const span = tracer.startSpan('tools/call echo', { kind: SpanKind.SERVER, attributes }, parent);
    try {
      const result = await context.with(trace.setSpan(parent, span), tool, undefined, input, request);
      if (result.isError === true) {
        span.setAttribute('error.type', 'tool_error');
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      return result;
    } catch (error) {
      span.recordException(error as Error);
      span.setAttribute('error.type', (error as Error).name);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
      measure?.(since, 'echo');
    }
  };
}

const protocolVersion = '2025-11-25';

function attributesOf(name: string, id: string | number, stdio: boolean): Attributes {
  const attributes: Attributes = {
    'mcp.method.name': 'tools/call',
    'jsonrpc.request.id': String(id),
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': name,
    'mcp.protocol.version': protocolVersion,
  };
  if (stdio) attributes['network.transport'] = 'pipe';
  return attributes;
}

function durations(side: 'client' | 'server', stdio: boolean): (since: number, name: string) => void {
  const histogram: Histogram = metrics
    .getMeter('hand-written', '1.0.0')
    .createHistogram(`mcp.${side}.operation.duration`, {
      unit: 's',
      advice: { explicitBucketBoundaries: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] },
    });
  return (since, name) => {
    const attributes: Attributes = {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': name,
      'mcp.protocol.version': protocolVersion,
    };
    if (stdio) attributes['network.transport'] = 'pipe';
    histogram.record((performance.now() - since) / 1000, attributes);
  };
}
