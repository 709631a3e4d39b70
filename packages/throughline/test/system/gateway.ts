/** Asks the planner once, and ends. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from './telemetry.ts';

const provider = startTelemetry('gateway', false);
const attributes = { 'http.request.method': 'POST', 'url.path': '/plan', 'server.address': 'planner' };
while (!existsSync('planner.sock')) await delay(20);
const span = provider.getTracer('test').startSpan('POST', { kind: SpanKind.CLIENT, attributes });
const headers: Record<string, string> = {};
propagation.inject(trace.setSpan(context.active(), span), headers);
const asked = request({ socketPath: 'planner.sock', method: 'POST', path: '/plan', headers }).end();
const [answer] = (await once(asked, 'response')) as [IncomingMessage];
await once(answer.resume(), 'end');
span.end();
await provider.shutdown();
