import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { agentStep, answerAttributes, modelStep, runStep, startStep, stepTracer, toolStep } from '../src/index.ts';

let telemetry: Telemetry;
let tracer: Tracer;
beforeAll(() => {
  telemetry = startTelemetry();
  tracer = stepTracer(undefined, 'test', '1.0.0');
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const activeSpanId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

describe('a step', () => {
  it('is named as the conventions name it, and says what is known alone', () => {
    for (const step of [
      agentStep('planner', { id: 'a-1', conversationId: 'c-1' }),
      agentStep(undefined),
      toolStep('search', { callId: 'call-1' }),
      modelStep('gpt-9', { provider: 'openai' }),
    ]) {
      runStep(step, tracer, () => {});
    }
    expect(telemetry.spans().map(({ name, kind, attributes }) => [name, SpanKind[kind], attributes])).toEqual([
      [
        'invoke_agent planner',
        'INTERNAL',
        {
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.agent.name': 'planner',
          'gen_ai.agent.id': 'a-1',
          'gen_ai.conversation.id': 'c-1',
        },
      ],
      ['invoke_agent', 'INTERNAL', { 'gen_ai.operation.name': 'invoke_agent' }],
      [
        'execute_tool search',
        'INTERNAL',
        { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.id': 'call-1' },
      ],
      [
        'chat gpt-9',
        'CLIENT',
        { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-9', 'gen_ai.provider.name': 'openai' },
      ],
    ]);
  });

  it('of an answer shows what is of the right type', () => {
    const open = startStep(modelStep('gpt-9'), tracer);
    const good = { id: 'r-1', model: 'gpt-9-mini', finishReasons: ['stop', 7], inputTokens: 20, outputTokens: 0 };
    open.describe(answerAttributes(good));
    open.describe(answerAttributes({ id: 7, model: {}, finishReasons: 'stop', inputTokens: -1, outputTokens: '3' }));
    open.end();
    expect(telemetry.find('chat gpt-9').attributes).toMatchObject({
      'gen_ai.response.id': 'r-1',
      'gen_ai.response.model': 'gpt-9-mini',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 0,
    });
  });
});

describe('runStep()', () => {
  it('is active in what it runs, before and after an await, and not after it', async () => {
    const seen = await runStep(toolStep('search'), tracer, async () => {
      const before = activeSpanId();
      await Promise.resolve();
      return [before, activeSpanId()];
    });
    const { spanId } = telemetry.find('execute_tool search').spanContext();
    expect([...seen, activeSpanId()]).toEqual([spanId, spanId, undefined]);
  });

  it('ends as a failure with what was thrown, which comes out as the same object', async () => {
    const error = new RangeError('too far');
    expect(() =>
      runStep(toolStep('now'), tracer, () => {
        throw error;
      }),
    ).toThrow(error);
    await expect(runStep(toolStep('later'), tracer, () => Promise.reject(error))).rejects.toBe(error);
    for (const name of ['execute_tool now', 'execute_tool later']) {
      expect(telemetry.find(name)).toMatchObject({
        attributes: { 'error.type': 'RangeError' },
        status: { code: SpanStatusCode.ERROR, message: 'too far' },
      });
    }
  });

  it('says how a result came out, and outlives who says it', () => {
    const outcome = ({ ok }: { ok: boolean }) => (ok ? undefined : { errorType: 'tool_error' });
    runStep(toolStep('search'), tracer, () => ({ ok: false }), { outcome });
    expect(telemetry.find('execute_tool search').attributes['error.type']).toBe('tool_error');
    const result = {};
    const broken = (): never => {
      throw new Error('broken');
    };
    expect(runStep(toolStep('read'), tracer, () => result, { outcome: broken })).toBe(result);
    expect(telemetry.find('execute_tool read').status.code).toBe(SpanStatusCode.UNSET);
  });
});

describe('startStep()', () => {
  it('starts below the parent that it is given, at the time that it is given, and ends once', () => {
    const outer = startStep(agentStep('planner'), tracer);
    const inner = startStep(toolStep('search'), tracer, { parent: outer.context, startTime: 1000 });
    inner.end();
    inner.end({ failed: true });
    outer.end();
    const span = telemetry.find('execute_tool search');
    expect(span.parentSpanContext?.spanId).toBe(outer.span.spanContext().spanId);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('has no span under suppressed tracing, nor where the tracer throws', () => {
    const suppressed = suppressTracing(context.active());
    const open = startStep(toolStep('search'), tracer, { parent: suppressed });
    open.describe({ a: 1 });
    open.end();
    expect(open.context).toBe(suppressed);
    const broken = {
      startSpan: () => {
        throw new Error('broken');
      },
    } as unknown as Tracer;
    expect(runStep(toolStep('search'), broken, () => 'done')).toBe('done');
    expect(telemetry.spans()).toEqual([]);
  });
});
