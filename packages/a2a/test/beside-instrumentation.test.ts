import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { DefaultPushNotificationSender, InMemoryPushNotificationStore } from '@a2a-js/sdk/server';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { traceA2aClient, traceExecutor, tracePushSender } from '../src/index.ts';
import type { A2aClientOptions } from '../src/index.ts';
import { asking, clientOf, Researcher, startAgent } from './agent.ts';

// Beside OpenTelemetry's instrumentation of Node's fetch, which adds its headers to those that are there.

let telemetry: Telemetry;
let instrumentation: UndiciInstrumentation;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
  instrumentation = new UndiciInstrumentation();
  instrumentation.enable();
});
afterEach(async () => {
  instrumentation.disable();
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  vi.restoreAllMocks();
  await telemetry.shutdown();
});

/** Runs in a span, with baggage of the user's. */
async function inTurn(work: () => Promise<unknown>): Promise<void> {
  await trace.getTracer('test').startActiveSpan('turn', async (turn) => {
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    await context.with(propagation.setBaggage(context.active(), baggage), work);
    turn.end();
  });
}

interface Request {
  readonly names: readonly string[];
  readonly headers: Readonly<Record<string, unknown>>;
}

test.each<[string, (() => typeof fetch) | undefined, A2aClientOptions, number]>([
  ['the fetch of Node', undefined, {}, 1],
  ['a traced fetch', () => traceFetch(), {}, 1],
  ['a traced fetch that is not suppressed', () => traceFetch(), { suppressInner: false }, 2],
])('a call by %s has one of each header, and no doubled span', async (_, fetchOf, options, clients) => {
  const requests: Request[] = [];
  const agent = await startAgent({
    executor: traceExecutor(new Researcher(() => 'done')),
    before: [
      ({ rawHeaders, headers }, _response, next) => {
        requests.push({ names: rawHeaders.map((name) => name.toLowerCase()), headers });
        next();
      },
      traceContext(),
    ],
  });
  cleanups.push(() => agent.close());
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC', fetchOf?.()), options);
  await inTurn(() => client.sendMessage(asking('q')));
  for (const name of ['traceparent', 'baggage']) {
    expect(requests[0]?.names.filter((one) => one === name)).toHaveLength(1);
  }
  const calls = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
  expect(calls).toHaveLength(clients);
  const [http] = telemetry.spans().filter(({ name, kind }) => name === 'POST /' && kind === SpanKind.SERVER);
  expect(calls.map((span) => span.spanContext().spanId)).toContain(http?.parentSpanContext?.spanId);
});

test('a push notification has one span, and one of each header', async () => {
  vi.spyOn(console, 'info').mockReturnValue();
  const requests: string[][] = [];
  const webhook = createServer(({ rawHeaders }, response) => {
    requests.push(rawHeaders.map((name) => name.toLowerCase()));
    response.end();
  }).listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  cleanups.push(() => {
    webhook.closeAllConnections();
    webhook.close();
  });
  const store = new InMemoryPushNotificationStore();
  const sender = tracePushSender(new DefaultPushNotificationSender(store));
  const agent = await startAgent({ executor: traceExecutor(new Researcher(() => 'done')), push: { store, sender } });
  cleanups.push(() => agent.close());
  const url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`;
  const taskPushNotificationConfig = { id: '', tenant: '', taskId: '', token: '', url };
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC'));
  await inTurn(() =>
    client.sendMessage(asking('q', {}, { configuration: { acceptedOutputModes: [], taskPushNotificationConfig } })),
  );
  const posts = () => telemetry.spans().filter(({ name, kind }) => name === 'POST' && kind === SpanKind.CLIENT);
  await vi.waitFor(() => expect(posts()).toHaveLength(2), { timeout: 20_000 });
  expect(requests).toHaveLength(2);
  for (const names of requests) expect(names.filter((name) => name === 'traceparent')).toHaveLength(1);
  expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
});

test('a redirect to the host of somebody else takes the baggage out, where the fetch is traced', async () => {
  instrumentation.disable();
  const seen: Request['headers'][] = [];
  const theirs = createServer(({ headers }, response) => {
    seen.push(headers);
    response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
  }).listen(0, '127.0.0.1');
  await once(theirs, 'listening');
  const { port } = theirs.address() as AddressInfo;
  cleanups.push(() => {
    theirs.closeAllConnections();
    theirs.close();
  });
  const agent = await startAgent({
    executor: new Researcher(() => 'done'),
    before: [(_, response) => response.redirect(307, `http://localhost:${port}/`)],
  });
  cleanups.push(() => agent.close());
  const options: A2aClientOptions = {
    baggage: { send: ({ host }) => host === '127.0.0.1' },
  };
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC', traceFetch(undefined, options)), options);
  await inTurn(() => client.sendMessage(asking('q')).catch(() => {}));
  expect(seen).toHaveLength(1);
  expect(seen[0]?.['traceparent']).toBeTypeOf('string');
  expect(seen[0]?.['baggage']).toBeUndefined();
});
