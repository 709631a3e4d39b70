import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { SpanKind, trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { injectHeaders } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const { broken, mended } = await judgeBoth(
  import.meta.filename,
  'wrong-parent',
  {
    planner: { serve: () => express().use(traceContext(), (_request, response) => void response.json([])) },
    gateway: {
      serve: (form, { planner = '' }) => {
        const plans = `${planner}/plans`;
        let kept: Record<string, string> | undefined;
        const askInBroken = (): Promise<Response> => fetch(plans, { headers: (kept ??= injectHeaders({}, plans)) });
        // #region call
        const ask = (): Promise<Response> => fetch(plans, { headers: injectHeaders({}, plans) }); // at each call
        // #endregion
        return express().use(traceContext(), async (_request, response) => {
          const attributes = { 'http.request.method': 'GET', 'url.full': plans };
          await trace
            .getTracer('gateway')
            .startActiveSpan('GET', { kind: SpanKind.CLIENT, attributes }, async (span) => {
              await (form === 'broken' ? askInBroken() : ask());
              span.end();
            });
          await wait(100);
          response.end();
        });
      },
    },
  },
  3,
);
assert.deepEqual(codesOf(broken), ['wrong-parent']);
assert.deepEqual(codesOf(mended), []);
console.log('headers that are made at each call name the call');
