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
const agents = ['stdio', 'http', 'streamed', 'chat', 'team'];

describe.each([
  ['by itself', undefined],
  ['with its OpenTelemetry bridge', '1'],
])('Mastra %s', (_, bridge) => {
  let stage: Stage;
  let spans: readonly CollectedSpan[];
  let stderr: string;
  const answers: Record<string, Answer[]> = {};
  beforeAll(async () => {
    stage = await openStage({ service, env: bridge === undefined ? {} : { MASTRA_BRIDGE: bridge } });
    for (const agent of agents) {
      answers[agent] = await stage.askMany(agent, 20, agent === 'team' ? 'delegate: ' : '');
    }
    ({ spans, stderr } = await stage.close());
  });

  it.each(agents)('%s: the tool is in the trace of its caller, 20 of 20, none crossed', (agent) => {
    const all = answers[agent] ?? [];
    expect(all).toHaveLength(20);
    for (const [nth, { served }] of crossings(all, spans).entries()) {
      expect(all[nth]).toMatchObject({
        status: 200,
        text: expect.stringContaining(`<${all[nth]?.question.replace('delegate: ', '')}>`) as string,
      });
      expect(served).toHaveLength(1);
      const caller = spans.find(({ spanId }) => spanId === served[0]?.parentSpanId);
      expect(caller?.service).toBe('desk');
      expect(caller?.traceId).toBe(all[nth]?.traceId);
      // Without the bridge nothing of Mastra has a span: the caller is the request itself.
      expect(caller?.kind).toBe(bridge === undefined ? 'SERVER' : 'CLIENT');
    }
  });

  it('no call is in a trace that nobody asked for', () => {
    expect(strays(Object.values(answers).flat(), spans)).toEqual([]);
    expect(spans).toBeSound();
    expect(stderr).toBe('');
  });

  it('the model provider gets nothing', () => {
    const told = stage.modelRequests.flatMap(({ headers }) => Object.keys(headers));
    expect(told.filter((name) => ['traceparent', 'tracestate', 'baggage'].includes(name))).toEqual([]);
    expect(stage.modelRequests.length).toBeGreaterThanOrEqual(5 * 20 * 2);
  });
});
