import { readFileSync } from 'node:fs';
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
// Of a test the framework traces nothing.
const env = { NODE_ENV: 'production' };

const models = ['chatStdio', 'chatHttp', 'responsesStdio', 'responsesHttp'];
const agents = [...models, 'handOff', 'delegate'].flatMap((agent) => [agent, `${agent}Streamed`]);

function about(agent: string): string {
  if (agent.startsWith('handOff')) return 'hand off: ';
  return agent.startsWith('delegate') ? 'delegate: ' : '';
}

/** What the spans of the bridge are below, by the first word of their names. */
const parents: Readonly<Record<string, string>> = {
  invoke_workflow: 'POST execute_tool',
  invoke_agent: 'invoke_workflow',
  turn: 'invoke_agent',
  chat: 'turn',
  handoff: 'turn',
  execute_tool: 'turn',
  list_tools: 'invoke_agent',
};
const word = (span: CollectedSpan | undefined): string => span?.name.split(' ')[0] ?? '';

describe.each([
  ['with the bridge', {}],
  ['without the bridge', { WITHOUT_BRIDGE: '1' }],
])('OpenAI Agents %s', (_, more) => {
  const isBridged = Object.keys(more).length === 0;
  let stage: Stage;
  let spans: readonly CollectedSpan[];
  let stderr: string;
  const answers: Record<string, Answer[]> = {};
  beforeAll(async () => {
    stage = await openStage({ service, env: { ...env, ...more } });
    for (const agent of agents) answers[agent] = await stage.askMany(agent, 20, about(agent));
    ({ spans, stderr } = await stage.close());
  });

  it('has nothing to say to standard error', () => {
    expect(stderr).toBe('');
  });

  it.each(agents)('%s: each call has its two spans in the trace of its question, 20 of 20, none crossed', (agent) => {
    const all = answers[agent] ?? [];
    expect(all).toHaveLength(20);
    const crossed = crossings(all, spans);
    expect(crossed.filter(({ whole }) => !whole)).toEqual([]);
    // The span of the bridge is that of the call.
    const kind = isBridged ? 'INTERNAL' : 'CLIENT';
    expect(crossed.flatMap(({ called }) => called).filter((span) => span.kind !== kind)).toEqual([]);
  });

  it('no call is in a trace that nobody asked for', () => {
    expect(strays(Object.values(answers).flat(), spans)).toEqual([]);
    expect(spans).toBeSound();
  });

  it('what the framework does nests as it does it', () => {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const bridged = spans.filter((span) => word(span) in parents);
    const askedOfModels = 20 * (models.length * 2 * 2 + 2 * 3 + 2 * 4);
    expect(bridged.filter((span) => word(span) === 'chat')).toHaveLength(isBridged ? askedOfModels : 0);
    for (const span of bridged) {
      const parent = byId.get(span.parentSpanId ?? '');
      expect(parents[word(span)]?.split(' '), `${span.name} is below ${parent?.name}`).toContain(word(parent));
    }
  });

  it('the model provider gets nothing, and no span has content', () => {
    const told = stage.modelRequests.flatMap(({ headers }) => Object.keys(headers));
    expect(told).toContain('authorization');
    expect(told.filter((name) => ['traceparent', 'tracestate', 'baggage'].includes(name))).toEqual([]);
    const said = spans.flatMap(({ name, attributes, events, status }) => [name, attributes, events, status]);
    expect(JSON.stringify(said)).not.toMatch(/question \d|found/);
  });
});

it('untraced, no call is in the trace of its question', async () => {
  const stage = await openStage({ service, env: { ...env, WITHOUT_BRIDGE: '1', UNTRACED: '1' } });
  const asked = [...(await stage.askMany('chatStdio', 5)), ...(await stage.askMany('chatHttpStreamed', 5))];
  const { spans } = await stage.close();
  expect(crossings(asked, spans).filter(({ served }) => served.length > 0)).toEqual([]);
  expect(strays(asked, spans)).toHaveLength(10);
});

it("the README of the package shows the service's own code", () => {
  const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
  const [, shown] =
    /<!-- examples\/openai-agents\/src\/service.ts -->\n\n```ts\n([^]*?)^```$/m.exec(
      read('../../../packages/openai-agents/README.md'),
    ) ?? [];
  const [, own] = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(read('../src/service.ts')) ?? [];
  expect(shown).toBe(own);
});
