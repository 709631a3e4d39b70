import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const { broken, mended } = await judgeBoth(import.meta.filename, 'orphan', {
  library: { serve: () => express().use(traceContext(), (_request, response) => void response.sendStatus(503)) },
  gateway: {
    serve: (form, { library = '' }) => {
      const tracer = trace.getTracer('gateway');
      const ask = traceFetch();
      const search = async (): Promise<unknown> => {
        const found = await ask(`${library}/search`);
        if (!found.ok) throw new Error(`the library answered ${found.status}`);
        return found.json();
      };
      const answerInBroken = (): Promise<unknown> =>
        tracer.startActiveSpan('answer', async (span) => {
          const found = await search();
          span.end(); // not where `search` throws
          return found;
        });
      // #region finally
      const answer = (): Promise<unknown> =>
        tracer.startActiveSpan('answer', async (span) => {
          try {
            return await search();
          } finally {
            span.end();
          }
        });
      // #endregion
      const app = express();
      app.use(traceContext());
      app.get('/questions', async (_request, response) => {
        await (form === 'broken' ? answerInBroken() : answer()).catch(() => response.status(502));
        response.end();
      });
      return app;
    },
  },
});
assert.deepEqual(codesOf(broken), ['orphan']);
assert.deepEqual(codesOf(mended), []);
console.log('a span that ends however its work comes out is exported');
