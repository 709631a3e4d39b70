import { crossings, openStage, strays } from '@throughline/example-stand-ins';
import type { Answer, Stage } from '@throughline/example-stand-ins';
import type { CollectedSpan } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { beforeAll, describe, expect, it } from 'vitest';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const service = new URL('../src/service.ts', import.meta.url);
const agents = { stdio: '', http: '', streamed: '', chat: '', team: 'delegate: ', handoff: 'hand off: ' };

describe('LangChain and LangGraph', () => {
  let stage: Stage;
  let spans: readonly CollectedSpan[];
  let stderr: string;
  const answers: Record<string, Answer[]> = {};
  beforeAll(async () => {
    stage = await openStage({ service, env: { LANGSMITH_TRACING: 'false' } });
    for (const [agent, about] of Object.entries(agents)) answers[agent] = await stage.askMany(agent, 20, about);
    answers['ask'] = await stage.askMany('ask', 20);
    answers['approve'] = await stage.askMany('approve', 20);
    ({ spans, stderr } = await stage.close());
  });

  it.each(Object.keys(agents))('%s: 20 of 20, none crossed', (agent) => {
    const all = crossings(answers[agent] ?? [], spans);
    expect(all.filter(({ whole }) => !whole)).toEqual([]);
    expect(all).toHaveLength(20);
  });

  it('what was interrupted goes on in the trace that it began in, below what was saved', () => {
    const asked = (answers['ask'] ?? []).map((answer, nth) => ({
      ...answer,
      text: answers['approve']?.[nth]?.text ?? '',
    }));
    expect(crossings(asked, spans).filter(({ whole }) => !whole)).toEqual([]);
    for (const { traceId } of asked) {
      const names = spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['suspend', 'approved', 'invoke_agent careful']));
    }
  });

  it('agent, tool and model have a span each, below one another, and none of them is an error', () => {
    const [first] = answers['stdio'] ?? [];
    const inTrace = spans.filter(({ traceId }) => traceId === first?.traceId);
    const named = (name: string) => inTrace.filter((span) => span.name === name);
    const [turn] = named('invoke_agent stdio');
    expect(named('execute_tool search')).toMatchObject([{ parentSpanId: turn?.spanId }]);
    expect(named('chat stand-in-1')).toMatchObject([{ parentSpanId: turn?.spanId }, { parentSpanId: turn?.spanId }]);
    expect(named('chat stand-in-1')[0]?.attributes).toMatchObject({
      'gen_ai.provider.name': 'openai',
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 10,
    });
    expect(spans.filter(({ status }) => status.code === 'ERROR').map(({ name }) => name)).toEqual([]);
    expect(JSON.stringify(inTrace.map(({ attributes }) => attributes))).not.toContain('found <');
  });

  it('the span of a stream lasts as long as its run', () => {
    const [first] = answers['streamed'] ?? [];
    const inTrace = spans.filter(({ traceId }) => traceId === first?.traceId);
    const turn = inTrace.find(({ name }) => name === 'invoke_agent stdio');
    const last = inTrace.filter(({ name }) => name.startsWith('chat ')).map(({ endTimeUnixNano }) => endTimeUnixNano);
    expect(turn?.endTimeUnixNano).toBeGreaterThanOrEqual(last.reduce((a, b) => (a > b ? a : b)));
  });

  it('no call is in a trace that nobody asked for', () => {
    expect(strays(Object.values(answers).flat(), spans)).toEqual([]);
    expect(spans).toBeSound();
    expect(stderr).toBe('');
  });

  it('the model provider gets nothing', () => {
    const told = stage.modelRequests.flatMap(({ headers }) => Object.keys(headers));
    expect(told.filter((name) => ['traceparent', 'tracestate', 'baggage'].includes(name))).toEqual([]);
  });
});
