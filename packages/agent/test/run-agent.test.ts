import { context as contextApi, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { withAttempt } from '@throughline/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callModel, recordHandoff, recordSignal, runAgent, runTool } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => (telemetry = startTelemetry()));
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const activeSpanId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;
const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const eventsOf = ({ events }: ReadableSpan): readonly (readonly [string, unknown])[] =>
  events.map(({ name, attributes }) => [name, attributes]);

describe('a turn', () => {
  it('is an `invoke_agent` span with what is known of the agent, active in its work', async () => {
    const options = { description: 'plans', conversationId: 'c-1' };
    const seen = await runAgent({ name: 'planner', id: 'p-1', version: '2' }, options, async ({ span }) => {
      await Promise.resolve();
      return [activeSpanId(), span.spanContext().spanId];
    });
    const turn = telemetry.find('invoke_agent planner');
    expect(seen).toEqual([idOf(turn), idOf(turn)]);
    expect(turn.attributes).toEqual({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'planner',
      'gen_ai.agent.id': 'p-1',
      'gen_ai.agent.version': '2',
      'gen_ai.agent.description': 'plans',
      'gen_ai.conversation.id': 'c-1',
      'throughline.turn.outcome': 'ok',
      'throughline.turn.model_calls': 0,
      'throughline.turn.tool_calls': 0,
      'throughline.turn.attempts': 0,
    });
  });

  it('holds the tools, models and agents that run in it, which have its conversation', () => {
    runAgent('planner', { conversationId: 'c-1' }, () => {
      runTool('search', () => {});
      runAgent('analyst', () => callModel({ model: 'gpt-9' }, () => ({})));
    });
    const [planner, analyst] = [telemetry.find('invoke_agent planner'), telemetry.find('invoke_agent analyst')];
    expect(parentOf(telemetry.find('execute_tool search'))).toBe(idOf(planner));
    expect(parentOf(analyst)).toBe(idOf(planner));
    expect(telemetry.find('chat gpt-9').attributes).toMatchObject({
      'gen_ai.agent.name': 'analyst',
      'gen_ai.conversation.id': 'c-1',
    });
    expect(parentOf(telemetry.find('chat gpt-9'))).toBe(idOf(analyst));
  });

  it('has the conversation of the baggage, and invents none', () => {
    const baggage = propagation.createBaggage({ 'gen_ai.conversation.id': { value: 'c-7' } });
    contextApi.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => runAgent('planner', () => {}));
    runAgent('other', () => {});
    expect(telemetry.find('invoke_agent planner').attributes['gen_ai.conversation.id']).toBe('c-7');
    expect(telemetry.find('invoke_agent other').attributes).not.toHaveProperty('gen_ai.conversation.id');
  });

  it('links what it joins, each once', () => {
    const branches = ['a', 'b'].map((name) => trace.getTracer('t').startSpan(name));
    const contexts = branches.map((span) => trace.setSpan(ROOT_CONTEXT, span));
    runAgent('joiner', { links: [...contexts, (branches[0] as (typeof branches)[number]).spanContext()] }, () => {});
    expect(telemetry.find('invoke_agent joiner').links.map((link) => link.context.spanId)).toEqual(
      branches.map((span) => span.spanContext().spanId),
    );
  });

  it('sums up its own calls alone, so that no sum holds a call twice', () => {
    const prices = { 'gpt-9': { input: 1, output: 10 } };
    const answer = { choices: [], usage: { prompt_tokens: 1000, completion_tokens: 100 } };
    runAgent('planner', { prices }, () => {
      callModel({ model: 'gpt-9' }, () => answer);
      runTool('search', () => {});
      runAgent('analyst', () => callModel({ model: 'gpt-9' }, () => answer));
    });
    const sums = {
      'throughline.turn.model_calls': 1,
      'throughline.turn.input_tokens': 1000,
      'throughline.turn.output_tokens': 100,
      'throughline.turn.cost': 0.002,
      'throughline.cost.currency': 'USD',
    };
    expect(telemetry.find('invoke_agent planner').attributes).toMatchObject({
      ...sums,
      'throughline.turn.tool_calls': 1,
    });
    expect(telemetry.find('invoke_agent analyst').attributes).toMatchObject({
      ...sums,
      'throughline.turn.tool_calls': 0,
    });
    for (const span of telemetry.spans().filter(({ name }) => name.startsWith('invoke_agent'))) {
      expect(span.attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
    }
  });

  it('shows a success that took attempts, and what went into those in vain', async () => {
    const answer = { choices: [], usage: { prompt_tokens: 40, completion_tokens: 2 } };
    await runAgent('planner', async () => {
      for (const n of [1, 2, 3]) await withAttempt(n, () => callModel({ model: 'gpt-9' }, async () => answer));
    });
    const { attributes } = telemetry.find('invoke_agent planner');
    expect(attributes).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.model_calls': 3,
      'throughline.turn.attempts': 3,
      'throughline.turn.wasted.tokens': 84,
    });
    expect(attributes['throughline.turn.wasted.time']).toBeGreaterThan(0);
    expect(telemetry.spans().map((span) => span.attributes['throughline.attempt'])).toEqual([
      undefined,
      2,
      3,
      undefined,
    ]);
  });

  it('counts attempts from itself on, whatever attempt it is of its caller’s', () => {
    withAttempt(3, () => runAgent('planner', () => runTool('search', () => {})));
    expect(telemetry.find('invoke_agent planner').attributes['throughline.turn.outcome']).toBe('ok');
    expect(telemetry.find('execute_tool search').attributes).not.toHaveProperty('throughline.attempt');
  });

  it('fails with the same object that was thrown', async () => {
    const error = new Error('no plan');
    await expect(runAgent('planner', () => Promise.reject(error))).rejects.toBe(error);
    const { status, attributes, events } = telemetry.find('invoke_agent planner');
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'no plan' });
    expect(attributes).toMatchObject({ 'throughline.turn.outcome': 'failed', 'error.type': 'Error' });
    expect(events.map(({ name }) => name)).toEqual(['exception']);
  });

  it('that does not call a tool it has to call gets a signal, unless it fails or is left', async () => {
    const options = { requiredTools: ['search', 'cite'] };
    async function* stream(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    runAgent('skipping', options, () => runTool('search', () => {}));
    runAgent('delegating', { requiredTools: ['search'] }, () => runAgent('analyst', () => runTool('search', () => {})));
    runAgent('calling', options, () => ['search', 'cite'].map((tool) => runTool(tool, () => {})));
    expect(() =>
      runAgent('failing', options, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    for await (const _ of runAgent('left', options, stream)) break;
    for await (const _ of runAgent('streaming', options, stream));
    const skipped = (name: string): unknown[] =>
      telemetry.find(`invoke_agent ${name}`).events.flatMap(({ attributes }) => attributes?.['gen_ai.tool.name'] ?? []);
    const turns = ['skipping', 'delegating', 'calling', 'failing', 'left', 'streaming'];
    expect(turns.map(skipped)).toEqual([['cite'], ['search'], [], [], [], ['search', 'cite']]);
    expect(telemetry.find('invoke_agent skipping').attributes['throughline.signals']).toEqual([
      'required_tool_skipped',
    ]);
    expect(() => runAgent('a', { requiredTools: 'search' as never }, () => {})).toThrow("such as ['search']");
  });

  it('tells of a hand-over and of signals, which are in its sums', () => {
    runAgent('triage', () => {
      recordHandoff('billing');
      recordSignal('low_confidence', { value: 0.2 });
      recordSignal('low_confidence', { value: 0.1 });
    });
    const turn = telemetry.find('invoke_agent triage');
    expect(eventsOf(turn)).toEqual([
      ['throughline.handoff', { 'gen_ai.agent.name': 'triage', 'throughline.handoff.to': 'billing' }],
      [
        'throughline.signal',
        { 'throughline.signal.kind': 'low_confidence', 'throughline.signal.value': 0.2, 'gen_ai.agent.name': 'triage' },
      ],
      [
        'throughline.signal',
        { 'throughline.signal.kind': 'low_confidence', 'throughline.signal.value': 0.1, 'gen_ai.agent.name': 'triage' },
      ],
    ]);
    expect(turn.attributes['throughline.signals']).toEqual(['low_confidence']);
  });

  it.each([
    [() => runAgent('', () => {}), /`agent` takes a name/],
    [() => runAgent('a', { conventions: 'v9' as never }, () => {}), /`conventions` takes one of 'v0.1.0', 'v1.41.0'/],
    [() => runAgent('a', { events: 'log' }, () => {}), /`loggerProvider` takes/],
    [() => runAgent('a', { prices: { m: { input: 1 } as never } }, () => {}), /`prices\['m'\]` takes/],
    [() => runAgent('a', { content: { prompt: true } as never }, () => {}), /`content.prompt` is no option.*prompts/s],
    [() => runTool('', () => {}), /`name` takes the name of the tool/],
    [() => callModel({} as never, () => {}), /`request.model` takes the name of the model/],
  ])('throws for options that are wrong, with what they take', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('a tool call', () => {
  it('has a digest of its arguments, whatever the order of their keys, and not the arguments', () => {
    runTool('search', { arguments: { query: 'secret', limit: 5 }, callId: 'call-1', type: 'function' }, () => {});
    runTool('search', { arguments: { limit: 5, query: 'secret' } }, () => {});
    const [first, second] = telemetry.spans().map(({ attributes }) => attributes);
    expect(first).toMatchObject({
      'gen_ai.tool.name': 'search',
      'gen_ai.tool.call.id': 'call-1',
      'gen_ai.tool.type': 'function',
    });
    expect(first?.['throughline.tool.call.digest']).toMatch(/^[0-9a-f]{16}$/);
    expect(second?.['throughline.tool.call.digest']).toBe(first?.['throughline.tool.call.digest']);
    expect(JSON.stringify(telemetry.spans().map(({ attributes }) => attributes))).not.toContain('secret');
  });

  it('is an event in the turn when it is made again and again with the same arguments', () => {
    runAgent('planner', () => {
      for (let n = 0; n < 4; n++) runTool('search', { arguments: { query: 'x' } }, () => []);
      runTool('search', { arguments: { query: 'y' } }, () => 1);
    });
    const turn = telemetry.find('invoke_agent planner');
    const repeated = turn.events.filter(({ name }) => name === 'throughline.tool.repeated');
    expect(repeated.map(({ attributes }) => attributes?.['throughline.tool.repeated.count'])).toEqual([3, 4]);
    expect(turn.attributes['throughline.turn.repeated_tool_calls']).toBe(4);
  });

  it.each([
    [[], 'empty_result'],
    ['', 'empty_result'],
    [null, 'empty_result'],
    [{}, 'empty_result'],
    [{ content: [] }, 'empty_result'],
    [{ ok: false, why: 'no index' }, 'tool_said_no'],
    [undefined, undefined],
    [0, undefined],
    [{ content: [], structuredContent: { hits: 1 } }, undefined],
    [{ ok: true }, undefined],
    [new Map([[1, 2]]), undefined],
  ])('that returns %j is a signal: %s', async (result, kind) => {
    expect(await runAgent('planner', () => runTool('search', async () => result))).toBe(result);
    expect(telemetry.find('invoke_agent planner').attributes['throughline.signals']).toEqual(kind && [kind]);
  });

  it('fails where the result says so in the words of MCP', () => {
    runTool('search', () => ({ isError: true, content: [] }));
    const { status, attributes } = telemetry.find('execute_tool search');
    expect([status.code, attributes['error.type']]).toEqual([SpanStatusCode.ERROR, 'tool_error']);
  });

  it('records arguments and results on request, redacted and cut', () => {
    const redact = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('secret', '•'));
    const content = { arguments: true, results: true, redact, maxLength: 20 };
    runTool('search', { content, arguments: { query: 'secret' } }, () => 'a secret of forty characters and of more');
    const { attributes } = telemetry.find('execute_tool search');
    expect(attributes['gen_ai.tool.call.arguments']).toBe('{"query":"•"}');
    expect(attributes['gen_ai.tool.call.result']).toBe('a • of forty charact… (35 characters)');
  });

  it('records no content that could not be redacted', () => {
    const redact = (): never => {
      throw new Error('broken');
    };
    runTool('search', { content: { arguments: true, redact }, arguments: { query: 'secret' } }, () => {});
    expect(telemetry.find('execute_tool search').attributes).not.toHaveProperty('gen_ai.tool.call.arguments');
  });
});
