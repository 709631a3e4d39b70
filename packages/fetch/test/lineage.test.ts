import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { parseBaggage } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Agent, fetch as undiciFetch, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { injectHeaders, traceFetch } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';

const enforce: HopOptions = { lineage: { mode: 'enforce', maxHops: 4 } };
const deep = propagation.setBaggage(
  ROOT_CONTEXT,
  parseBaggage('throughline.lineage=1.4.32.1.-.-.-') ?? propagation.createBaggage(),
);

let telemetry: Telemetry;
let server: Server;
let url: string;
let seen: (string | undefined)[];
beforeAll(async () => {
  telemetry = startTelemetry();
  server = createServer((req, res) => {
    seen.push(req.headers['baggage'] as string | undefined);
    // Answers a slow question only when the caller has gone.
    if (req.url === '/slow') req.on('close', () => res.end());
    else res.end('ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await telemetry.reset();
  seen = [];
});
seen = [];
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await telemetry.shutdown();
});

const refusal = expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'hops' });

describe('a call past a limit of its chain', () => {
  it('is rejected by traceFetch before anything is sent, and the span says why', async () => {
    const fetch = traceFetch(globalThis.fetch, enforce);
    await expect(context.with(deep, () => fetch(url))).rejects.toEqual(refusal);
    expect(seen).toEqual([]);
    expect(telemetry.find('GET').attributes['error.type']).toBe('throughline.hops');
  });

  it('is rejected to whoever asked through the undici interceptor', async () => {
    const dispatcher = new Agent().compose(traceInterceptor(enforce));
    await expect(context.with(deep, () => request(url, { dispatcher }))).rejects.toEqual(refusal);
    await expect(context.with(deep, () => undiciFetch(url, { dispatcher }))).rejects.toMatchObject({ cause: refusal });
    expect(seen).toEqual([]);
  });

  it('gets no headers: injectHeaders throws', () => {
    expect(() => context.with(deep, () => injectHeaders({}, url, enforce))).toThrow(refusal);
  });

  it('goes through where lineage is observed, one step deeper', async () => {
    await context.with(deep, () => traceFetch(undefined, { lineage: { maxHops: 4 } })(url));
    expect(seen).toEqual(['throughline.lineage=1.5.4.1.-.-.-']);
    expect(telemetry.find('GET').events).toMatchObject([
      { name: 'throughline.lineage.exceeded', attributes: { 'throughline.lineage.reason': 'hops' } },
    ]);
  });
});

describe('a deadline', () => {
  it('aborts the fetches under it, and travels', async () => {
    const fetch = traceFetch();
    const failed = withDeadline(50, () => fetch(`${url}/slow`));
    await expect(failed).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(telemetry.find('GET').attributes['error.type']).toBe('TimeoutError');
    expect(seen[0]).toMatch(/^throughline\.lineage=1\.1\.32\.1\.[0-9a-z]{8,9}\.-\.-$/);
  });

  it('does not take the place of the caller’s own signal', async () => {
    const controller = new AbortController();
    const failed = withDeadline(60_000, () => traceFetch()(`${url}/slow`, { signal: controller.signal }));
    const mine = new Error('mine');
    setTimeout(() => controller.abort(mine), 20);
    await expect(failed).rejects.toBe(mine);
    const ofRequest = withDeadline(60_000, () =>
      traceFetch()(new Request(`${url}/slow`, { signal: AbortSignal.timeout(20) })),
    );
    await expect(ofRequest).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('aborts a dispatch through the undici interceptor', async () => {
    const dispatcher = new Agent().compose(traceInterceptor());
    await expect(withDeadline(50, () => request(`${url}/slow`, { dispatcher }))).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});
