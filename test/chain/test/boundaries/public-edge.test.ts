import { SamplingDecision } from '@opentelemetry/api';
import { publicEdge } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import type { HopOptions } from '@throughline/core';
import type { EdgeSampler } from '@throughline/core/sdk';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { listen } from './loopback.ts';

interface Decided {
  readonly traceId: string;
  readonly sampled: boolean;
  readonly linked: readonly string[];
}

let telemetry: Telemetry;
afterEach(() => telemetry.shutdown());

/** Sends requests with forged sampled contexts to a real server, and returns what was decided about each. */
async function flood(count: number, ratio: number, options: HopOptions) {
  const decided: Decided[] = [];
  const edge = edgeSampler({ ratio });
  const watched: EdgeSampler = {
    shouldSample(context, traceId, name, kind, attributes, links) {
      const result = edge.shouldSample(context, traceId, name, kind, attributes, links);
      decided.push({
        traceId,
        sampled: result.decision === SamplingDecision.RECORD_AND_SAMPLED,
        linked: (links as { context: { traceId: string } }[]).map((link) => link.context.traceId),
      });
      return result;
    },
    toString: () => String(edge),
  };
  telemetry = startTelemetry({ sampler: watched });
  const app = express();
  app.use(traceContext(options));
  app.get('/', (_request, response) => void response.end());
  const server = await listen(app);
  const pool = new Pool(`http://127.0.0.1:${server.port}`, { connections: 20 });
  const forged = new Set<string>();
  const ask = async (): Promise<void> => {
    // The randomness that passes every threshold, and claims to have.
    const traceId = `${randomBytes(9).toString('hex')}ffffffffffffff`;
    forged.add(traceId);
    const { body } = await pool.request({
      path: '/',
      method: 'GET',
      headers: {
        traceparent: `00-${traceId}-${randomBytes(8).toString('hex').replace(/^0/, '1')}-01`,
        tracestate: 'ot=th:0;rv:ffffffffffffff',
      },
    });
    await body.dump();
  };
  try {
    for (let sent = 0; sent < count; sent += 200) {
      await Promise.all(Array.from({ length: Math.min(200, count - sent) }, ask));
    }
  } finally {
    await pool.close();
    await server.close();
  }
  return { decided, forged };
}

describe('10,000 requests with a forged sampled `traceparent`', () => {
  test('at a public edge: none is sampled because of it, all are linked', async () => {
    const { decided, forged } = await flood(10_000, 0, publicEdge());
    expect(forged.size).toBe(10_000);
    expect(decided.filter(({ sampled }) => sampled)).toEqual([]);
    expect(decided.filter(({ traceId }) => forged.has(traceId))).toEqual([]);
    expect(new Set(decided.map(({ linked: [traceId] }) => traceId))).toEqual(forged);
    expect(decided.every(({ linked }) => linked.length === 1)).toBe(true);
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({ 'http inbound restarted': 10_000 });
  }, 60_000);

  test('at a public edge that samples a tenth, a tenth is: the caller’s choice of trace id has no weight', async () => {
    const { decided, forged } = await flood(10_000, 0.1, publicEdge());
    const sampled = decided.filter((one) => one.sampled);
    // Six standard deviations of 10,000 at a tenth: 180.
    expect(Math.abs(sampled.length - 1000)).toBeLessThan(180);
    expect(telemetry.spans()).toHaveLength(sampled.length);
    for (const span of telemetry.spans()) {
      expect(forged.has(span.spanContext().traceId)).toBe(false);
      expect(span.links.map(({ context }) => forged.has(context.traceId))).toEqual([true]);
      expect(span.spanContext().traceState?.serialize()).toBe('ot=th:e666');
    }
  }, 60_000);

  test('at a service that continues whoever calls: the flag alone samples nothing', async () => {
    const { decided, forged } = await flood(2_000, 0, { inbound: 'continue' });
    expect(decided.every(({ traceId }) => forged.has(traceId))).toBe(true);
    expect(decided.filter(({ sampled }) => sampled)).toEqual([]);
  }, 60_000);
});
