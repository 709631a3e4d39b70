import assert from 'node:assert/strict';
import { ParentBasedSampler, SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { Sampler } from '@opentelemetry/sdk-trace';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

let asked = 0;
/** As bad as a ratio that each service decides for itself, and the same at each run. */
const everySecond: Sampler = {
  shouldSample: () => ({
    decision: asked++ % 4 < 2 ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => 'every second',
};

const mendedSampler = (): Sampler => {
  // #region sampler
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.25) });
  // #endregion
  return sampler;
};

const { broken, mended } = await judgeBoth(
  import.meta.filename,
  'sampling-split',
  {
    library: { serve: () => express().use(traceContext(), (_request, response) => void response.json([])) },
    planner: {
      sampler: (form) => (form === 'broken' ? everySecond : mendedSampler()),
      serve: (_form, { library = '' }) => {
        const ask = traceFetch();
        return express().use(traceContext(), async (_request, response) => {
          response.json(await (await ask(`${library}/search`)).json());
        });
      },
    },
    gateway: {
      serve: (_form, { planner = '' }) => {
        const ask = traceFetch();
        let nth = 0;
        return express().use(traceContext(), async (_request, response) => {
          response.json(await (await ask(`${planner}/plans?question=${nth++}`)).json());
        });
      },
    },
  },
  8,
);
assert.deepEqual(codesOf(broken), ['sampling-split']);
assert.deepEqual(codesOf(mended), []);
console.log('a service that asks its parent records whole traces');
