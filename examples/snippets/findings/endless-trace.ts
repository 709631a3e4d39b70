import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { resumeTrace, saveTrace } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const { broken, mended } = await judgeBoth(import.meta.filename, 'endless-trace', {
  library: { serve: () => express().use(traceContext(), (_request, response) => void response.json([])) },
  worker: {
    serve: (form, { library = '' }) => {
      const ask = traceFetch();
      let runs = 0;
      let enough = (): void => {};
      const refresh = async (): Promise<void> => {
        await (await ask(`${library}/index`)).text();
        if (++runs >= 20) enough();
      };
      const tick = (): Promise<void> =>
        trace.getTracer('worker').startActiveSpan('tick', (span) => refresh().finally(() => span.end()));
      let timer: NodeJS.Timeout | undefined;
      trace.getTracer('worker').startActiveSpan('start', (span) => {
        if (form === 'broken') timer = setInterval(() => void tick(), 50);
        else {
          // #region schedule
          const schedule = saveTrace();
          timer = setInterval(() => void resumeTrace(schedule, 'tick', refresh, { relation: 'link' }), 50);
          // #endregion
        }
        span.end();
      });
      return async (_request, response) => {
        await new Promise<void>((resolve) => (enough = resolve));
        clearInterval(timer);
        response.end();
      };
    },
  },
});
assert.deepEqual(codesOf(broken), ['endless-trace']);
assert.deepEqual(codesOf(mended), []);
assert.ok(mended.traces > 5 && mended.chains < mended.traces);
console.log('each run of a schedule is a trace of its own, linked to it');
