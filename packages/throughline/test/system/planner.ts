/** A server that stays up, on a socket in its folder: `node planner.ts [deaf] [slow]`; a deaf one reads no context. */
import { createServer } from 'node:http';
import { context, propagation, SpanKind } from '@opentelemetry/api';
import { startTelemetry } from './telemetry.ts';

const how = process.argv.slice(2);
const tracer = startTelemetry('planner', how.includes('slow')).getTracer('test');
const attributes = { 'http.request.method': 'POST', 'url.path': '/plan', 'server.address': 'planner' };
createServer((request, response) => {
  const parent = how.includes('deaf') ? context.active() : propagation.extract(context.active(), request.headers);
  tracer.startSpan('POST /plan', { kind: SpanKind.SERVER, attributes }, parent).end();
  response.end();
}).listen('planner.sock');
