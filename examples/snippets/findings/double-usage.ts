import assert from 'node:assert/strict';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

const answer = { model: 'gpt-9', usage: { prompt_tokens: 812, completion_tokens: 64 } };
const usage = ({ usage: { prompt_tokens, completion_tokens } }: typeof answer): Attributes => ({
  'gen_ai.usage.input_tokens': prompt_tokens,
  'gen_ai.usage.output_tokens': completion_tokens,
});

const { broken, mended } = await judgeBoth(import.meta.filename, 'double-usage', {
  analyst: {
    serve: (form) =>
      express().use(traceContext(), (_request, response) => {
        const tracer = trace.getTracer('analyst');
        // #region usage
        tracer.startActiveSpan('invoke_agent analyst', { kind: SpanKind.INTERNAL }, (turn) => {
          tracer.startActiveSpan('chat gpt-9', { kind: SpanKind.CLIENT }, (call) => {
            call.setAttributes({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-9' });
            call.setAttributes(usage(answer)); // on the call, and on nothing above it
            call.end();
          });
          // #endregion
          turn.setAttribute('gen_ai.operation.name', 'invoke_agent');
          if (form === 'broken') turn.setAttributes(usage(answer));
          turn.end();
        });
        response.end();
      }),
  },
});
assert.deepEqual(codesOf(broken), ['double-usage']);
assert.deepEqual(codesOf(mended), []);
console.log('tokens are counted once');
