import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import assert from 'node:assert/strict';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

/** An agent that asks again whatever comes back. */
async function askUntilAnswered(ask: typeof fetch, library: string): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const { ok } = await ask(`${library}/search?q=throughline`);
    if (ok) return;
  }
}

const { broken, mended } = await judgeBoth(import.meta.filename, 'cascade', {
  library: { serve: () => express().use(traceContext(), (_request, response) => void response.sendStatus(503)) },
  gateway: {
    serve: (form, { library = '' }) => {
      const app = express();
      if (form === 'broken') {
        const ask = traceFetch();
        app.use(traceContext());
        app.get(
          '/questions',
          (_request, response) => void askUntilAnswered(ask, library).finally(() => response.end()),
        );
        return app;
      }
      // #region limit
      const options = { agent: 'gateway', lineage: { mode: 'enforce', maxCalls: 5 } } as const;
      app.use(traceContext(options));
      const ask = traceFetch(fetch, options); // rejects with a LineageError at the sixth call of one request
      // #endregion
      app.get('/questions', async (_request, response) => {
        await assert.rejects(askUntilAnswered(ask, library), { code: 'ERR_THROUGHLINE_REFUSED' });
        response.end();
      });
      return app;
    },
  },
});
assert.deepEqual(codesOf(broken), ['cascade']);
assert.deepEqual(codesOf(mended), ['too-deep']);
assert.equal(mended.verdict, 'sound');
console.log('a limit ends a loop that asks again and again');
