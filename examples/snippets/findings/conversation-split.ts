import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { SpanKind, trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const conversation = { 'gen_ai.conversation.id': 'c-17' };

const { broken, mended } = await judgeBoth(import.meta.filename, 'conversation-split', {
  analyst: {
    serve: () =>
      express().use(traceContext(), (_request, response) => {
        const attributes = { ...conversation, 'gen_ai.operation.name': 'invoke_agent' };
        trace.getTracer('analyst').startSpan('invoke_agent analyst', { attributes }).end();
        response.end();
      }),
  },
  gateway: {
    serve: (form, { analyst = '' }) => {
      // #region client
      const ask = traceFetch();
      // #endregion
      const bare = form === 'broken' ? fetch : ask;
      return express().use(traceContext(), async (_request, response) => {
        const attributes = { ...conversation, 'gen_ai.operation.name': 'invoke_agent' };
        const kind = SpanKind.INTERNAL;
        await trace.getTracer('gateway').startActiveSpan('invoke_agent gateway', { kind, attributes }, async (span) => {
          await wait(20);
          await (await bare(`${analyst}/analyse`)).text();
          span.end();
        });
        response.end();
      });
    },
  },
});
assert.deepEqual(codesOf(broken), ['conversation-split']);
assert.deepEqual(codesOf(mended), []);
console.log('an agent that is asked with a context is in the conversation');
