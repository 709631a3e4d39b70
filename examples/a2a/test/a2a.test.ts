import { readFileSync } from 'node:fs';
import type { CollectedSpan } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { beforeAll, describe, expect, it } from 'vitest';
import { byTrace, tellStory } from '../src/desk.ts';
import type { Story } from '../src/desk.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

describe('twenty questions at once by each binding, from agent to agent', () => {
  let story: Story;
  beforeAll(async () => {
    story = await tellStory(20);
  });
  const a2a = (traceId: string, kind: string, service: string): CollectedSpan[] =>
    story.spans.filter(
      (span) =>
        span.traceId === traceId &&
        span.kind === kind &&
        span.service === service &&
        span.attributes['a2a.method.name'] !== undefined,
    );

  it('are answered, each with its own answer', () => {
    expect(story.answers).toHaveLength(60);
    for (const { question, text } of story.answers) expect(text).toBe(`The answer: found <${question}>`);
  });

  it('are sixty whole traces, and none crosses into another', () => {
    const traces = byTrace(story.spans);
    expect(traces).toHaveLength(60);
    for (const spans of traces) expect(spans).toFormOneTrace(['gateway', 'planner', 'researcher']);
    expect(story.spans).toBeSound();
    expect(story.spans).toHaveHop('gateway', 'planner', { transport: 'a2a' });
    expect(story.spans).toHaveHop('planner', 'researcher', { transport: 'a2a' });
  });

  it('have one CLIENT and one SERVER span for each hand-over, the one below the other', () => {
    const traces = new Set(story.spans.filter(({ service }) => service === 'gateway').map(({ traceId }) => traceId));
    const byId = new Map(story.spans.map((span) => [span.spanId, span]));
    for (const traceId of traces) {
      for (const [from, to] of [
        ['gateway', 'planner'],
        ['planner', 'researcher'],
      ] as const) {
        const [client, ...moreClients] = a2a(traceId, 'CLIENT', from);
        const [server, ...moreServers] = a2a(traceId, 'SERVER', to);
        expect([client, server]).not.toContain(undefined);
        expect([moreClients, moreServers]).toEqual([[], []]);
        let above = byId.get(server?.parentSpanId ?? '');
        // Over HTTP the request has a span of its own in between.
        if (above?.kind === 'SERVER') above = byId.get(above.parentSpanId ?? '');
        expect(above?.spanId).toBe(client?.spanId);
        expect(client?.attributes['a2a.task.id']).toBe(server?.attributes['a2a.task.id']);
      }
    }
  });
});

it('is what the README of the package shows', () => {
  const file = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, region] = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(file('../src/agents.ts')) ?? [];
  const [, shown] =
    /<!-- examples\/a2a\/src\/agents.ts -->\n\n```ts\n([^]*?)```/.exec(file('../../../packages/a2a/README.md')) ?? [];
  expect(shown).toBe(region);
});
