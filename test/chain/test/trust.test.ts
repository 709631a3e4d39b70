import { SamplingDecision, SpanKind, ROOT_CONTEXT } from '@opentelemetry/api';
import { internalMesh, publicEdge, thirdPartyTools } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from './boundaries/loopback.ts';

// What docs/TRUST.md shows, and says of it.
let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const app = express();
const isPartner = (token: string | undefined): boolean => token === 'Bearer good';

// #region presets
const edge = publicEdge({ agent: 'gateway', authenticated: ({ headers }) => isPartner(headers.get('authorization')) });
const mesh = internalMesh({ agent: 'gateway', firstParty: ['*.example.com'] });
const tools = thirdPartyTools({ agent: 'gateway' });

app.use(traceContext(edge));
const callOurs = traceFetch(fetch, mesh);
const callTheirs = traceFetch(fetch, tools);
// #endregion

// #region sampler
const sampler = edgeSampler({
  ratio: 0.1,
  rules: [
    { route: '/api/*', ratio: 1 },
    { agent: 'planner', ratio: 0.5 },
  ],
});
// #endregion

const traceId = '0af7651916cd43dd8448eb211c80319c';

test('the page’s options work: a partner is continued, others are not', async () => {
  app.use((_request, response) => void response.end());
  const { port, close } = await listen(app);
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  await (await fetch(`http://127.0.0.1:${port}/`, { headers: { ...headers, authorization: 'Bearer good' } })).text();
  await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text();
  for (const call of [callOurs, callTheirs]) await (await call(`http://127.0.0.1:${port}/`)).text();
  const received = telemetry.spans().filter(({ kind }) => kind === SpanKind.SERVER);
  expect(received.map((span) => span.spanContext().traceId === traceId)).toEqual([true, false, false, false]);
  await close();
});

test('the page’s sampler follows its rules', () => {
  const decide = (attributes: Record<string, string>) =>
    sampler.shouldSample(ROOT_CONTEXT, `${traceId.slice(0, 18)}80000000000000`, 'x', SpanKind.SERVER, attributes, [])
      .decision;
  expect(decide({ 'url.path': '/api/x' })).toBe(SamplingDecision.RECORD_AND_SAMPLED);
  expect(decide({ 'throughline.agent.name': 'planner' })).toBe(SamplingDecision.RECORD_AND_SAMPLED);
  expect(decide({})).toBe(SamplingDecision.NOT_RECORD);
});

test('the page shows this code, and links to files that are there', () => {
  const docs = join(import.meta.dirname, '../../../docs');
  const page = readFileSync(join(docs, 'TRUST.md'), 'utf8');
  const here = readFileSync(import.meta.filename, 'utf8');
  const regions = [...here.matchAll(/^\/\/ #region \w+\n([^]*?)^\/\/ #endregion$/gm)].map(([, code]) => code);
  expect([...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code)).toEqual(regions);
  for (const [, target = ''] of page.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
    expect(globSync(join(docs, target)), target).not.toEqual([]);
  }
});
