import { traceClient, traceServer } from '@throughline/mcp';
import type { McpOptions } from '@throughline/mcp';
import { startMetrics } from '../telemetry.ts';
import type { Telemetry } from '../telemetry.ts';
import { tracedCall, tracedTool } from './hand-written.ts';
import type { Ends } from './instrumentations.ts';
import type { Sdk, Tracing } from './sdk.ts';

/** How calls from the client to the server are traced. */
export type McpVariant =
  | 'bare'
  | 'ours'
  | 'ours, metrics'
  | 'ours, no lineage'
  | 'hand-written'
  | 'hand-written, metrics'
  | 'ours, no spans'
  | 'ours, no spans, in a chain'
  | 'OpenInference'
  | 'Traceloop';

/** Whether a variant sends the caller's context along with a call. */
export function propagates(variant: McpVariant): boolean {
  return variant !== 'bare' && variant !== 'Traceloop';
}

/** Starts tracing as `variant` does it, in a process that has these ends of the connection. */
export async function startTracing(variant: McpVariant, sdk: Sdk, ends: Ends, { tracer }: Telemetry): Promise<Tracing> {
  const measures = variant.endsWith('metrics');
  if (measures) startMetrics();
  const untraced: Tracing = { ...between, classes: sdk.classes };
  if (variant === 'OpenInference' || variant === 'Traceloop') {
    const { heirsOf, patchByOpenInference, patchByTraceloop } = await import('./instrumentations.ts');
    const classes = heirsOf(sdk.classes);
    if (variant === 'OpenInference') patchByOpenInference(classes, ends);
    else patchByTraceloop(classes);
    return { ...untraced, classes };
  }
  if (variant.startsWith('ours')) {
    const options: McpOptions = {
      spans: !variant.includes('no spans'),
      ...(variant.includes('no lineage') ? { lineage: false } : undefined),
      ...(variant.includes('in a chain') ? { agent: 'planner' } : undefined),
    };
    return {
      ...untraced,
      client: (client) => traceClient(client, options),
      server: (server) => traceServer(server, options),
    };
  }
  if (variant.startsWith('hand-written')) {
    const written = { tracer, measures, stdio: ends !== 'both' };
    return { ...untraced, call: (call) => tracedCall(call, written), tool: (tool) => tracedTool(tool, written) };
  }
  return untraced;
}

const between: Omit<Tracing, 'classes'> = {
  client: (client) => client,
  server: (server) => server,
  call: (call) => call,
  tool: (tool) => tool,
};
