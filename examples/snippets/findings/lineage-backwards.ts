import assert from 'node:assert/strict';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { request as send } from 'undici';
import { codesOf, judgeBoth } from './system.ts';
import type { Service } from './system.ts';

/** An agent that hands its question on. */
const agent = (name: string, next: string): Service => ({
  serve: (_form, peers) => {
    const options = { agent: name };
    const ask = traceFetch(fetch, options);
    return express().use(traceContext(options), async (_request, response) => {
      const url = peers[next];
      if (url !== undefined) await (await ask(`${url}/${next}`)).text();
      response.end();
    });
  },
});

const { broken, mended } = await judgeBoth(import.meta.filename, 'lineage-backwards', {
  index: agent('index', 'nobody'),
  library: agent('library', 'index'),
  proxy: {
    isOutside: true,
    serve: (form, { library = '' }) => {
      if (form === 'broken') {
        return async (request, response) => {
          const { host = '', traceparent = '' } = request.headers;
          await send(`${library}${request.url}`, { headers: { host, traceparent: String(traceparent) } });
          response.end();
        };
      }
      return async (request, response) => {
        // #region fields
        const headers: Record<string, string> = {};
        for (const field of ['traceparent', 'tracestate', 'baggage']) {
          const value = request.headers[field];
          if (typeof value === 'string') headers[field] = value;
        }
        // #endregion
        await send(`${library}${request.url}`, { headers });
        response.end();
      };
    },
  },
  critic: agent('critic', 'proxy'),
  planner: agent('planner', 'critic'),
  desk: agent('desk', 'planner'),
  gateway: agent('gateway', 'desk'),
});
assert.deepEqual(codesOf(broken), ['lineage-backwards']);
assert.deepEqual(codesOf(mended), []);
console.log('a proxy that hands all fields on keeps the count');
