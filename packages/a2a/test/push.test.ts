import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, diag, propagation, SpanKind, trace } from '@opentelemetry/api';
import { DefaultPushNotificationSender, InMemoryPushNotificationStore } from '@a2a-js/sdk/server';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { traceA2aClient, traceExecutor, tracePushSender } from '../src/index.ts';
import { asking, clientOf, Researcher, startAgent } from './agent.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
  // The SDK's sender writes a line for each notification.
  vi.spyOn(console, 'info').mockReturnValue();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  vi.restoreAllMocks();
  await telemetry.shutdown();
});

const pushes = () => telemetry.spans().filter(({ name, kind }) => name === 'POST' && kind === SpanKind.CLIENT);

interface Notified {
  readonly id: string;
  readonly traceId: string | undefined;
  readonly state: string | undefined;
  readonly baggage: string | undefined;
  readonly traceparents: number;
}

/** A webhook that notes what it is told, and in which trace. */
async function webhook(status = 200) {
  const notified: Notified[] = [];
  const app = express();
  app.use(traceContext({ agent: 'inbox' }));
  app.post('/:id', express.json({ type: '*/*' }), (request, response) => {
    const { statusUpdate } = request.body as { statusUpdate?: { status: { state: string } } };
    notified.push({
      id: request.params.id,
      traceId: trace.getActiveSpan()?.spanContext().traceId,
      state: statusUpdate?.status.state,
      baggage: request.headers['baggage'] as string | undefined,
      traceparents: request.rawHeaders.filter((name) => name.toLowerCase() === 'traceparent').length,
    });
    response.status(status).end();
  });
  const server: Server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, notified };
}

async function asked(url: string, options: HopOptions | 'untraced', count: number): Promise<Map<string, string>> {
  const store = new InMemoryPushNotificationStore();
  const bare = new DefaultPushNotificationSender(store);
  const sender = options === 'untraced' ? bare : tracePushSender(bare, options);
  const agent = await startAgent({ executor: traceExecutor(new Researcher((q) => q)), push: { store, sender } });
  cleanups.push(() => agent.close());
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC'));
  const traceIds = new Map<string, string>();
  await Promise.all(
    Array.from({ length: count }, (_, at) =>
      trace.getTracer('test').startActiveSpan('turn', async (turn) => {
        const id = `task-${at}`;
        traceIds.set(id, turn.spanContext().traceId);
        const taskPushNotificationConfig = { id: '', tenant: '', taskId: '', token: '', url: `${url}/${id}` };
        const within = propagation.setBaggage(
          context.active(),
          propagation.createBaggage({ tenant: { value: 'blue' } }),
        );
        await context.with(within, () =>
          client.sendMessage(
            asking(id, {}, { configuration: { acceptedOutputModes: [], taskPushNotificationConfig } }),
          ),
        );
        turn.end();
      }),
    ),
  );
  return traceIds;
}

test('twenty tasks notify twenty webhooks, each in the trace that asked', async () => {
  const { url, notified } = await webhook();
  const traceIds = await asked(url, { agent: 'researcher' }, 20);
  await vi.waitFor(() => expect(pushes()).toHaveLength(40), { timeout: 20_000 });
  expect(notified).toHaveLength(40);
  for (const { id, traceId, traceparents } of notified) {
    expect(traceId).toBe(traceIds.get(id));
    expect(traceparents).toBe(1);
  }
  const served = telemetry.spans().filter(({ name, kind }) => name === 'SendMessage' && kind === SpanKind.SERVER);
  const executions = new Set(served.map((span) => span.spanContext().spanId));
  for (const { parentSpanContext, attributes } of pushes()) {
    expect(executions.has(parentSpanContext?.spanId ?? '')).toBe(true);
    expect(attributes).toMatchObject({ 'server.address': '127.0.0.1', 'http.response.status_code': 200 });
    expect(attributes['a2a.task.id']).toBeTypeOf('string');
  }
});

test('the sender as it comes loses the trace', async () => {
  const { url, notified } = await webhook();
  const traceIds = await asked(url, 'untraced', 5);
  await vi.waitFor(() => expect(notified).toHaveLength(10), { timeout: 20_000 });
  expect(notified.filter(({ id, traceId }) => traceId === traceIds.get(id))).toEqual([]);
});

test("a webhook that is ours gets the user's baggage, one of a third party does not", async () => {
  const ours = await webhook();
  await asked(ours.url, {}, 1);
  await vi.waitFor(() => expect(ours.notified).toHaveLength(2), { timeout: 20_000 });
  expect(ours.notified[0]?.baggage).toContain('tenant=blue');
  const theirs = await webhook();
  await asked(theirs.url, { firstParty: false }, 1);
  await vi.waitFor(() => expect(theirs.notified).toHaveLength(2), { timeout: 20_000 });
  expect(theirs.notified[0]?.traceparents).toBe(1);
  expect(theirs.notified[0]?.baggage ?? '').not.toContain('tenant');
});

test('a webhook that refuses is a failure of the notification, and of nothing else', async () => {
  vi.spyOn(console, 'error').mockReturnValue();
  const { url } = await webhook(503);
  await asked(url, {}, 1);
  const [push] = await vi.waitFor(
    () => {
      expect(pushes()).toHaveLength(2);
      return pushes();
    },
    { timeout: 20_000 },
  );
  expect(push?.attributes['error.type']).toBe('503');
  expect(telemetry.find('turn').status.code).toBe(0);
});

test('a webhook that is not there is one too', async () => {
  vi.spyOn(console, 'error').mockReturnValue();
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await asked(`http://127.0.0.1:${port}`, {}, 1);
  const [push] = await vi.waitFor(
    () => {
      expect(pushes()).toHaveLength(2);
      return pushes();
    },
    { timeout: 20_000 },
  );
  expect(push?.attributes['error.type']).toBe('ECONNREFUSED');
});

test('a fetch that takes no headers any more is told once, and the notification goes', async () => {
  const warn = vi.fn<(message: string) => void>();
  const none = (): void => {};
  diag.setLogger({ warn, error: none, info: none, debug: none, verbose: none });
  cleanups.push(() => diag.disable());
  const fakeSender = {
    send: async () => channel('undici:request:create').publish({ request: { origin: 'http://inbox', method: 'POST' } }),
  };
  const sender = tracePushSender(fakeSender);
  await sender.send();
  await sender.send();
  expect(warn.mock.calls.filter(([line]) => line.includes('takes no headers'))).toHaveLength(1);
});
