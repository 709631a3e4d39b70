import assert from 'node:assert/strict';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const { broken, mended } = await judgeBoth(import.meta.filename, 'phantom-parent', {
  library: { serve: () => express().use(traceContext(), (_request, response) => void response.json([])) },
  gateway: {
    serve: (form, { library = '' }) => {
      const app = express();
      if (form === 'broken') {
        app.use(traceContext());
        app.get('/questions', async (_request, response) => {
          // A header that some caller sent to somebody once, and nobody in here exported.
          const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
          const ask = traceFetch((input: string) => fetch(input, { headers: { traceparent } }));
          response.json(await (await ask(`${library}/search`)).json());
        });
        return app;
      }
      // #region relay
      app.use(traceContext()); // continues the caller's trace
      const ask = traceFetch(); // sends the context of its own CLIENT span
      app.get('/questions', async (_request, response) => {
        const found = await ask(`${library}/search`); // no `headers: request.headers`
        response.json(await found.json());
      });
      // #endregion
      return app;
    },
  },
});
assert.deepEqual(codesOf(broken), ['phantom-parent']);
assert.deepEqual(codesOf(mended), []);
console.log('a relay with spans of its own is no gap');
