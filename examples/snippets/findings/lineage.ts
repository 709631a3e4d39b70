import assert from 'node:assert/strict';
import { isLineageError } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

// Two agents that ask each other for ever: the critic wants a better plan, the planner wants it criticised.
const { broken, mended } = await judgeBoth(import.meta.filename, 'lineage', {
  planner: {
    serve: (form) => {
      const app = express();
      const observed = { agent: 'planner', lineage: { mode: 'observe', maxHops: 4 } } as const;
      // #region limit
      const enforced = { agent: 'planner', lineage: { mode: 'enforce', maxHops: 4 } } as const;
      // #endregion
      const options = form === 'broken' ? observed : enforced;
      app.use(traceContext(options));
      const ask = traceFetch(fetch, options);
      app.get('/plans/:round/:critic', async (request, response) => {
        const { round, critic } = request.params;
        try {
          if (round !== '5') await (await ask(`${critic}/criticism/${round}`)).text();
          response.end();
        } catch (error) {
          if (!isLineageError(error)) throw error;
          response.status(508).end();
        }
      });
      return app;
    },
  },
  critic: {
    serve: (_form, { planner = '' }) => {
      const app = express();
      const options = { agent: 'critic' };
      app.use(traceContext(options));
      const ask = traceFetch(fetch, options);
      const plan = async (host: string, round: number): Promise<void> => {
        const own = encodeURIComponent(`http://${host}`);
        await (await ask(`${planner}/plans/${round}/${own}`)).text();
      };
      app.get('/questions', async (request, response) => {
        await plan(request.host, 1);
        response.end();
      });
      app.get('/criticism/:round', async (request, response) => {
        await plan(request.host, Number(request.params.round) + 1);
        response.end();
      });
      return app;
    },
  },
});
assert.deepEqual(codesOf(broken), ['cycle', 'cycle', 'too-deep', 'too-deep']);
assert.ok(mended.spans < broken.spans);
console.log('two agents that ask each other for ever are stopped');
