import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { withDeadline } from '@throughline/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceTransport } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { v1, v2 } from './sdk.ts';
import { activeSpanId, inSpan } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

type Send = (message: unknown, options?: unknown) => Promise<void>;

describe.each([v1, v2()])('$name: what a finished request holds on to', (sdk) => {
  async function raw() {
    const [near, far] = sdk.memory();
    const traced = traceTransport(near) as typeof near & { onmessage?: (message: unknown) => void };
    const answered: unknown[] = [];
    traced.onmessage = (message) => answered.push(message);
    (far as { onmessage?: (message: unknown) => void }).onmessage = () => {};
    await traced.start();
    await far.start();
    return {
      send: traced.send.bind(traced) as unknown as Send,
      answer: (message: object) => (far.send as unknown as Send).call(far, { jsonrpc: '2.0', ...message }),
      close: () => traced.close(),
      inFlight: () => (traced as unknown as { [inFlightKey]: number })[inFlightKey],
      answered,
    };
  }

  const ends = {
    'is answered': (peer, id) => peer.answer({ id, result: {} }),
    fails: (peer, id) => peer.answer({ id, error: { code: -32_603, message: 'no' } }),
    'is cancelled': (peer, id) =>
      peer.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }),
    'has its id taken': (peer, id) => peer.send({ jsonrpc: '2.0', id, method: 'ping' }),
  } satisfies Record<string, (peer: Awaited<ReturnType<typeof raw>>, id: number) => Promise<void>>;

  test.each(Object.entries(ends))('not a signal that outlives it, when it %s', async (_, end) => {
    const peer = await raw();
    const { signal } = new AbortController();
    for (let id = 0; id < 50; id++) {
      await peer.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'add' } }, { requestSignal: signal });
      await end(peer, id);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await peer.close();
    expect(peer.inFlight()).toBe(0);
  });

  test('nothing at all, where it has no span and nobody waits for its progress', async () => {
    const peer = await raw();
    await peer.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(peer.inFlight()).toBe(0);
    const params = { _meta: { progressToken: 'mine' } };
    await peer.send({ jsonrpc: '2.0', id: 2, method: 'ping', params });
    expect(peer.inFlight()).toBeGreaterThan(0);
    await peer.answer({ id: 1, result: {} });
    await peer.answer({ id: 2, result: {} });
    expect(peer.answered).toHaveLength(2);
    expect(peer.inFlight()).toBe(0);
  });

  test('nor when the transport closes', async () => {
    const peer = await raw();
    const { signal } = new AbortController();
    for (let id = 0; id < 5; id++)
      await peer.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'add' } }, { requestSignal: signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(5);
    await peer.close();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('nor the deadline of its chain', async () => {
    const peer = await raw();
    const { signal } = new AbortController();
    await withDeadline(60_000, async (deadline) => {
      for (let id = 0; id < 20; id++) {
        const options = id % 2 === 0 ? {} : { requestSignal: signal };
        await peer.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'add' } }, options);
        expect(getEventListeners(deadline, 'abort')).toHaveLength(1);
        await peer.answer({ id, result: {} });
      }
      expect(getEventListeners(deadline, 'abort')).toHaveLength(0);
    });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await peer.close();
  });

  test('an answer comes back into all that followed its caller, not into its trace alone', async () => {
    const store = new AsyncLocalStorage<string>();
    const [near, far] = sdk.memory();
    const traced = traceTransport(near) as typeof near & { onmessage?: (message: { id?: number }) => void };
    const seen: Record<number, unknown[]> = {};
    traced.onmessage = ({ id }) => {
      if (id !== undefined) seen[id] = [store.getStore(), activeSpanId()];
    };
    const asked: number[] = [];
    (far as { onmessage?: (message: { id: number }) => void }).onmessage = ({ id }) => asked.push(id);
    await traced.start();
    await far.start();
    const spans: unknown[] = [];
    for (const id of [1, 2]) {
      await store.run(`caller ${id}`, () =>
        inSpan(`agent ${id}`, async () => {
          spans[id] = activeSpanId();
          await (traced.send as unknown as Send).call(traced, { jsonrpc: '2.0', id, method: 'tools/list' });
        }),
      );
    }
    await store.run('the peer', async () => {
      for (const id of asked.toReversed())
        await (far.send as unknown as Send).call(far, { jsonrpc: '2.0', id, result: {} });
    });
    expect(seen).toEqual({ 1: ['caller 1', spans[1]], 2: ['caller 2', spans[2]] });
    await traced.close();
  });
});
