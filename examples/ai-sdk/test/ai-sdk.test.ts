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

describe.each([
  ['by itself', {}],
  ['beside @ai-sdk/otel', { AI_SDK_OTEL: '1' }],
])('the AI SDK %s', (_, env) => {
  let stage: Stage;
  let spans: readonly CollectedSpan[];
  let stderr: string;
  const answers: Record<string, Answer[]> = {};
  beforeAll(async () => {
    stage = await openStage({ service, env });
    for (const agent of ['stdio', 'http', 'fetch', 'streamed', 'chat']) answers[agent] = await stage.askMany(agent, 20);
    answers['team'] = await stage.askMany('team', 20, 'delegate: ');
    ({ spans, stderr } = await stage.close());
  });

  it.each(['stdio', 'http', 'streamed', 'chat', 'team'])('%s: 20 of 20, none crossed', (agent) => {
    const all = crossings(answers[agent] ?? [], spans);
    expect(all.filter(({ whole }) => !whole)).toEqual([]);
    expect(all).toHaveLength(20);
  });

  it('fetch: the tool is in the trace of its caller, below the HTTP request', () => {
    for (const { served } of crossings(answers['fetch'] ?? [], spans)) {
      expect(served).toHaveLength(1);
      const parent = spans.find(({ spanId }) => spanId === served[0]?.parentSpanId);
      expect(parent).toMatchObject({ kind: 'SERVER', name: 'POST /mcp', traceId: served[0]?.traceId });
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
    expect(stage.modelRequests.length).toBeGreaterThanOrEqual(6 * 20 * 2);
  });
});
