import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { internalMesh, publicEdge } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import type { RequestHandler } from 'express';
import type { Tracer } from './service.ts';
import { startTelemetry } from './telemetry.ts';

/** How a service is traced. Without either part an instrumentation does it. */
export interface Tracing {
  readonly middleware?: RequestHandler;
  readonly fetch?: typeof fetch;
}

/** Starts telemetry, and returns how a service is traced by this tracer. Before it requires `http`. */
export function tracingOf(tracer: Exclude<Tracer, 'none'>): Tracing {
  if (tracer === 'stock' || tracer === 'stock-ratio') {
    const ratio = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.1) });
    startTelemetry('service', tracer === 'stock-ratio' ? ratio : undefined);
    registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });
    return {};
  }
  startTelemetry('service', tracer === 'ratio-edge' ? edgeSampler({ ratio: 0.2 }) : undefined);
  const options = tracer === 'mesh' ? internalMesh() : publicEdge();
  return { middleware: traceContext(options), fetch: traceFetch(fetch, internalMesh()) };
}
