import assert from 'node:assert/strict';
import { SpanKind, trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const { broken, mended } = await judgeBoth(import.meta.filename, 'lost-context', {
  planner: {
    serve: (form) => {
      if (form === 'broken') {
        // Spans of its own, and nobody reads the headers.
        const attributes = { 'http.request.method': 'GET', 'url.path': '/plans' };
        return express().get('/plans', (_request, response) => {
          trace.getTracer('planner').startSpan('GET /plans', { kind: SpanKind.SERVER, attributes }).end();
          response.json([]);
        });
      }
      // #region server
      const app = express();
      app.use(traceContext()); // before the routes
      app.get('/plans', (_request, response) => void response.json([]));
      // #endregion
      return app;
    },
  },
  gateway: {
    serve: (_form, { planner = '' }) => {
      const app = express();
      app.use(traceContext());
      // #region client
      const ask = traceFetch();
      app.get('/questions', async (_request, response) => {
        response.json(await (await ask(`${planner}/plans`)).json());
      });
      // #endregion
      return app;
    },
  },
});
assert.deepEqual(codesOf(broken), ['lost-context']);
assert.deepEqual(broken.findings[0]?.boundary, {
  from: 'gateway',
  to: 'planner',
  transport: 'http',
  over: '/plans',
  missing: 'context',
});
assert.deepEqual(codesOf(mended), []);
console.log('a server that reads the headers is joined to its caller');
