import { MCPInstrumentation } from '@arizeai/openinference-instrumentation-mcp';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import type { Attributes, Histogram, Tracer } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { traceClient, traceServer } from '@throughline/mcp';
import type { McpOptions } from '@throughline/mcp';
import { z } from 'zod';
import { beSubject } from './measure.ts';
import { startTelemetry } from './telemetry.ts';

/** How calls from the client to the server are traced. */
export type McpVariant =
  | 'bare'
  | 'ours'
  | 'ours, metrics'
  | 'ours, no lineage'
  | 'hand-written'
  | 'hand-written, metrics'
  | 'ours, no spans'
  | 'ours, no spans, no lineage'
  | 'OpenInference';

// A reader that nobody asks: what measuring costs is what adding to a histogram does.
class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

const variant = process.argv[2] as McpVariant;
const telemetry = startTelemetry();
if (variant.endsWith('metrics')) metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new ManualReader()] }));
const byHand = variant.startsWith('hand-written');
const protocolVersion = '2025-11-25';

if (variant === 'OpenInference') {
  // It knows transports by name. Both ends in memory are of one class, which it takes under any of its names.
  type Modules = Required<Parameters<MCPInstrumentation['manuallyInstrument']>[0]>;
  const clientStdioModule = { StdioClientTransport: InMemoryTransport } as unknown as Modules['clientStdioModule'];
  new MCPInstrumentation().manuallyInstrument({ clientStdioModule });
}

const wraps = variant.startsWith('ours');
const options: McpOptions = {
  spans: !variant.includes('no spans'),
  ...(variant.includes('no lineage') ? { lineage: false } : undefined),
};
const plainServer = new McpServer({ name: 'bench', version: '1.0.0' });
const plainClient = new Client({ name: 'bench', version: '1.0.0' });
const server = wraps ? traceServer(plainServer, options) : plainServer;
const client = wraps ? traceClient(plainClient, options) : plainClient;

type Extra = { readonly requestId: string | number; readonly _meta?: Readonly<Record<string, unknown>> | undefined };
type Echo = (input: { text: string }, extra: Extra) => Promise<CallToolResult>;

let active: string | undefined;
let carried: unknown;
const echo: Echo = ({ text }, extra) => {
  active ??= trace.getSpanContext(context.active())?.traceId;
  carried ??= extra._meta?.traceparent;
  return Promise.resolve({ content: [{ type: 'text', text }] });
};
server.registerTool(
  'echo',
  { inputSchema: { text: z.string() } },
  byHand ? tracedHandler(echo, telemetry.tracer) : echo,
);

const [clientEnd, serverEnd] = InMemoryTransport.createLinkedPair();
await server.connect(serverEnd);
await client.connect(clientEnd);

type CallParams = Parameters<Client['callTool']>[0];
type Call = (params: CallParams) => Promise<unknown>;
const callTool: Call = (params) => client.callTool(params);
const call = byHand ? tracedCall(callTool, telemetry.tracer) : callTool;

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = trace.setSpanContext(ROOT_CONTEXT, {
  traceId,
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});
// In memory the handler runs in the caller's context also without tracing: what was carried tells more.
await context.with(caller, () => call({ name: 'echo', arguments: { text: 'hello' } }));
const carries = typeof carried === 'string' && carried.includes(traceId);
if (active !== traceId || carries !== (variant !== 'bare')) {
  throw new Error(`${variant}: the handler ran in trace ${String(active)}, and was sent ${String(carried)}`);
}

beSubject({
  run: (count) =>
    context.with(caller, async () => {
      for (let at = 0; at < count; at++) await call({ name: 'echo', arguments: { text: 'hello' } });
    }),
  spans: telemetry.spans,
});

/** What anyone would write to measure an operation, or nothing where nobody measures. */
function durations(side: 'client' | 'server'): ((since: number, name: string) => void) | undefined {
  if (!variant.endsWith('metrics')) return undefined;
  const histogram: Histogram = metrics
    .getMeter('hand-written', '1.0.0')
    .createHistogram(`mcp.${side}.operation.duration`, {
      unit: 's',
      advice: { explicitBucketBoundaries: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] },
    });
  return (since, name) =>
    histogram.record((performance.now() - since) / 1000, {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': name,
      'mcp.protocol.version': protocolVersion,
    });
}

function attributesOf(name: string, id: string | number): Attributes {
  return {
    'mcp.method.name': 'tools/call',
    'jsonrpc.request.id': String(id),
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': name,
    'mcp.protocol.version': protocolVersion,
  };
}

/** What anyone would write around `client.callTool`: the span, its context in `_meta`, the outcome. */
function tracedCall(call: Call, tracer: Tracer): Call {
  // The SDK's first id is that of `initialize`.
  let id = 1;
  const measure = durations('client');
  return async (params) => {
    const since = measure === undefined ? 0 : performance.now();
    const parent = context.active();
    const { name } = params;
    const span = tracer.startSpan(
      `tools/call ${name}`,
      { kind: SpanKind.CLIENT, attributes: attributesOf(name, id++) },
      parent,
    );
    const active = trace.setSpan(parent, span);
    const _meta: Record<string, string> = {};
    propagation.inject(active, _meta);
    try {
      const result = await context.with(active, call, undefined, { ...params, _meta: { ...params._meta, ..._meta } });
      if ((result as CallToolResult).isError === true) {
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
function tracedHandler(handler: Echo, tracer: Tracer): Echo {
  const measure = durations('server');
  return async (input, extra) => {
    const since = measure === undefined ? 0 : performance.now();
    const parent = propagation.extract(ROOT_CONTEXT, extra._meta ?? {});
    const attributes = attributesOf('echo', extra.requestId);
    const span = tracer.startSpan('tools/call echo', { kind: SpanKind.SERVER, attributes }, parent);
    try {
      const result = await context.with(trace.setSpan(parent, span), handler, undefined, input, extra);
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
