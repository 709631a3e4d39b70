import assert from 'node:assert/strict';
import { SpanKind } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

/** Drops what it takes for noise, as a processor or a collector's filter does. */
const dropping = (next: SpanProcessor, isNoise: (kind: SpanKind) => boolean): SpanProcessor => ({
  onStart: (span, context) => next.onStart(span, context),
  onEnd: (span) => {
    if (!isNoise(span.kind)) next.onEnd(span);
  },
  forceFlush: () => next.forceFlush(),
  shutdown: () => next.shutdown(),
});

const { broken, mended } = await judgeBoth(import.meta.filename, 'missing-calls', {
  newspaper: { isOutside: true, serve: () => (_request, response) => void response.end() },
  gateway: {
    processor: (form, next) => {
      if (form === 'broken') return dropping(next, (kind) => kind === SpanKind.CLIENT);
      // #region filter
      const isNoise = (kind: SpanKind): boolean => kind === SpanKind.INTERNAL; // the calls stay
      return dropping(next, isNoise);
      // #endregion
    },
    serve: (_form, { newspaper = '' }) => {
      const ask = traceFetch();
      return express().use(traceContext({ agent: 'gateway' }), async (_request, response) => {
        for (const page of ['a', 'b', 'c']) await (await ask(`${newspaper}/${page}`)).text();
        response.end();
      });
    },
  },
});
assert.deepEqual(codesOf(broken), ['missing-calls']);
assert.deepEqual(codesOf(mended), []);
console.log('a receipt is met where no call is filtered');
