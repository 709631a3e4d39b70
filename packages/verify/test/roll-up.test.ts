import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { checkChains, renderVerdict } from '../src/index.ts';
import type { AgentTokens, AgentWork, CollectedSpan, SpanAttributes } from '../src/index.ts';
import { client, consumer, producer, server, span } from './findings/spans.ts';
import type { Special } from './findings/spans.ts';

const usage = (input: number, output: number, more: SpanAttributes = {}): SpanAttributes => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
  ...more,
});
const cost = (amount: number | string, currency?: string): SpanAttributes => ({
  'throughline.cost': amount,
  ...(currency === undefined ? undefined : { 'throughline.cost.currency': currency }),
});
const turn = (service: string, agent: string, special: Special = {}): CollectedSpan =>
  span(service, `invoke_agent ${agent}`, { lasts: 500, ...special, attributes: { 'gen_ai.agent.name': agent } });
const chat = (service: string, under: CollectedSpan, attributes: SpanAttributes): CollectedSpan =>
  span(service, 'chat', { under, attributes: { 'gen_ai.operation.name': 'chat', ...attributes } });

const agentsIn = (spans: readonly CollectedSpan[]): Record<string, Pick<AgentWork, 'tokens' | 'total'>> =>
  Object.fromEntries(
    checkChains(spans).agents.map(({ service, agent, tokens, total }) => [
      agent === undefined ? service : `${service} ${agent}`,
      { ...(tokens === undefined ? undefined : { tokens }), ...(total === undefined ? undefined : { total }) },
    ]),
  );

describe('what models took', () => {
  it('is told for who called them, and for every agent above, across services', () => {
    const asked = turn('desk', 'planner');
    const own = chat('desk', asked, usage(10, 1, cost(0.1, 'EUR')));
    const out = client('desk', '/search', { under: asked, at: 20, lasts: 200 });
    const found = server('library', '/search', { under: out, at: 25, lasts: 150 });
    const finder = turn('library', 'finder', { under: found, at: 30, lasts: 100 });
    const calls = [1, 2].map(() => chat('library', finder, usage(100, 20, cost(0.2, 'EUR'))));
    const spans = [asked, own, out, found, finder, ...calls];
    const below = { input: 200, output: 40, calls: 2, cost: [{ currency: 'EUR', amount: 0.4 }] };
    const all = { input: 210, output: 41, calls: 3, cost: [{ currency: 'EUR', amount: 0.5 }] };
    expect(agentsIn(spans)).toEqual({
      'desk planner': {
        tokens: { input: 10, output: 1, calls: 1, cost: [{ currency: 'EUR', amount: 0.1 }] },
        total: all,
      },
      'library finder': { tokens: below, total: below },
    });
    expect(renderVerdict(checkChains(spans)).split('\n').slice(1)).toEqual([
      'tokens: desk planner 10 in, 1 out, 1 call, 0.1 EUR; with all below 210 in, 41 out, 3 calls, 0.5 EUR',
      'tokens: library finder 200 in, 40 out, 2 calls, 0.4 EUR',
    ]);
  });

  it('of an agent that does nothing but ask others is what they took', () => {
    const asked = turn('desk', 'planner');
    const other = turn('desk', 'critic', { under: asked });
    const call = chat('desk', other, usage(7, 3));
    expect(agentsIn([asked, other, call])).toEqual({
      'desk critic': { tokens: { input: 7, output: 3, calls: 1 }, total: { input: 7, output: 3, calls: 1 } },
      'desk planner': { total: { input: 7, output: 3, calls: 1 } },
    });
    expect(renderVerdict(checkChains([asked, other, call]))).toContain(
      'tokens: desk planner none of its own; with all below 7 in, 3 out, 1 call',
    );
  });

  it('counts once for an agent that calls itself through another: A, B, A', () => {
    const first = turn('desk', 'A');
    const second = turn('desk', 'B', { under: first });
    const third = turn('desk', 'A', { under: second });
    const calls = [first, second, third].map((under, nth) => chat('desk', under, usage(10 ** nth, 0)));
    expect(agentsIn([first, second, third, ...calls])).toEqual({
      'desk A': { tokens: { input: 101, output: 0, calls: 2 }, total: { input: 111, output: 0, calls: 3 } },
      'desk B': { tokens: { input: 10, output: 0, calls: 1 }, total: { input: 110, output: 0, calls: 2 } },
    });
  });

  it('goes by links where a trace was restarted, and to all who sent a batch, once each', () => {
    const senders = ['one', 'two'].map((name) => turn('desk', name));
    const sends = [0, 0, 1].map((nth, at) =>
      producer('desk', 'tasks', { under: senders[nth] as CollectedSpan, at: at + 1 }),
    );
    const batch = consumer('worker', 'tasks', { at: 50, lasts: 100, links: sends });
    const call = chat('worker', batch, usage(5, 2));
    const took: AgentTokens = { input: 5, output: 2, calls: 1 };
    expect(agentsIn([...senders, ...sends, batch, call])).toEqual({
      'desk one': { total: took },
      'desk two': { total: took },
      worker: { tokens: took, total: took },
    });
  });

  it('is not told by a link to an answer, or of what only goes out', () => {
    const asked = turn('desk', 'planner');
    const served = server('library', '/search', { lasts: 50 });
    const out = client('desk', '/search', { under: asked, links: [served] });
    const call = chat('desk', out, usage(5, 2));
    expect(Object.keys(agentsIn([asked, served, out, call]))).toEqual(['desk planner']);
  });

  it('adds up each currency alone, and takes text where a back end has nothing else', () => {
    const asked = turn('desk', 'planner');
    const costs = [cost(0.1, 'EUR'), cost('0.2', 'EUR'), cost(3, 'USD'), cost(1e-7, 'USD'), cost(7)];
    const more = [cost(-1, 'EUR'), cost('a lot', 'EUR'), cost(Number.NaN, 'EUR'), cost('1e999', 'EUR')];
    const calls = [...costs, ...more].map((one) => chat('desk', asked, usage(1, 1, one)));
    expect(agentsIn([asked, ...calls])['desk planner']?.total).toEqual({
      input: 9,
      output: 9,
      calls: 9,
      cost: [{ currency: 'EUR', amount: 0.3 }, { currency: 'USD', amount: 3.0000001 }, { amount: 7 }],
    });
  });

  it('counts a cost beside no tokens, and where a turn has the sum of its calls the calls alone', () => {
    const sum = { ...usage(30, 3, cost(3, 'EUR')) };
    const asked = { ...turn('desk', 'planner'), attributes: { 'gen_ai.agent.name': 'planner', ...sum } };
    const calls = [chat('desk', asked, usage(10, 1, cost(1, 'EUR'))), chat('desk', asked, cost(2, 'EUR'))];
    expect(agentsIn([asked, ...calls])['desk planner']?.total).toEqual({
      input: 10,
      output: 1,
      calls: 2,
      cost: [{ currency: 'EUR', amount: 3 }],
    });
  });

  it('adds no cached tokens to those that hold them', () => {
    const cached = { 'gen_ai.usage.cache_read.input_tokens': 90, 'gen_ai.usage.cache_write.input_tokens': 5 };
    const asked = turn('desk', 'planner');
    expect(agentsIn([asked, chat('desk', asked, usage(100, 1, cached))])['desk planner']?.total?.input).toBe(100);
  });

  it('is told of parents and links that lead back to themselves', () => {
    const first = turn('desk', 'A');
    const second = turn('desk', 'B', { under: first });
    const round = { ...first, parentSpanId: second.spanId };
    const one = { ...server('x', '/'), spanId: 'a'.repeat(16), traceId: 'a'.repeat(32) };
    const two = server('y', '/', { links: [one] });
    const back = { ...one, links: [{ traceId: two.traceId, spanId: two.spanId, attributes: {} }] };
    const calls = [chat('desk', second, usage(1, 1)), chat('y', two, usage(2, 2)), chat('x', back, usage(4, 4))];
    const agents = agentsIn([round, second, back, two, ...calls]);
    expect(agents['desk B']?.tokens).toEqual({ input: 1, output: 1, calls: 1 });
    for (const { tokens, total } of Object.values(agents)) {
      expect(total?.calls).toBeGreaterThanOrEqual(tokens?.calls ?? 0);
      expect(total?.calls).toBeLessThanOrEqual(2);
    }
  });
});

/** Spans with parents and links at random, each of one of four agents in one of three services; each calls a model. */
const captures = fc
  .array(
    fc.record({
      parent: fc.option(fc.nat(), { nil: undefined }),
      links: fc.array(fc.nat(), { maxLength: 3 }),
      service: fc.nat(2),
      agent: fc.option(fc.nat(3), { nil: undefined }),
      kind: fc.constantFrom('SERVER', 'CONSUMER', 'INTERNAL', 'CLIENT'),
      tokens: fc.option(fc.nat(50), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((given) => {
    const spans: CollectedSpan[] = [];
    for (const { parent, links, service, agent, kind, tokens } of given) {
      const under = parent === undefined || spans.length === 0 ? undefined : spans[parent % spans.length];
      const linked = spans.length === 0 ? [] : links.map((nth) => spans[nth % spans.length] as CollectedSpan);
      spans.push(
        span(`service-${service}`, 'work', {
          ...(under === undefined ? undefined : { under }),
          links: linked,
          attributes: {
            ...(agent === undefined ? undefined : { 'gen_ai.agent.name': `agent-${agent}` }),
            ...(tokens === undefined ? undefined : usage(tokens, 1)),
          },
          more: { kind },
        }),
      );
    }
    return spans;
  });

/** The same by definition: for each call all that is above it, looked for one by one. */
function byHand(spans: readonly CollectedSpan[]): Map<string, number> {
  const byId = new Map(spans.map((one) => [one.spanId, one]));
  const parentOf = (one: CollectedSpan): CollectedSpan | undefined => byId.get(one.parentSpanId ?? '');
  const actorOf = (one: CollectedSpan): string => {
    for (let at: CollectedSpan | undefined = one; at?.service === one.service; at = parentOf(at)) {
      const agent = at.attributes['gen_ai.agent.name'];
      if (typeof agent === 'string') return `${one.service} ${agent}`;
    }
    return one.service;
  };
  const counts = (one: CollectedSpan): boolean => one.attributes['gen_ai.usage.input_tokens'] !== undefined;
  const isCountedBelow = (one: CollectedSpan): boolean =>
    spans.some((other) => {
      if (!counts(other) || other === one) return false;
      let at = parentOf(other);
      while (at !== undefined && at !== one && at.service === other.service && !counts(at)) at = parentOf(at);
      return at === one && one.service === other.service;
    });
  const totals = new Map<string, number>();
  for (const call of spans.filter((one) => counts(one) && !isCountedBelow(one))) {
    const above = new Set<CollectedSpan>([call]);
    for (const one of above) {
      const parent = parentOf(one);
      if (parent !== undefined) above.add(parent);
      if (one.kind === 'CLIENT' || (one.kind === 'INTERNAL' && parent !== undefined)) continue;
      for (const { spanId } of one.links) above.add(byId.get(spanId) as CollectedSpan);
    }
    for (const actor of new Set(Array.from(above, actorOf)))
      totals.set(actor, (totals.get(actor) ?? 0) + Number(call.attributes['gen_ai.usage.input_tokens']));
  }
  return totals;
}

test('what is told of any capture is what one finds by looking above each call', () => {
  fc.assert(
    fc.property(captures, (spans) => {
      const expected = byHand(spans);
      const told = new Map(
        checkChains(spans).agents.map(({ service, agent, total }) => [
          agent === undefined ? service : `${service} ${agent}`,
          total?.input ?? 0,
        ]),
      );
      for (const [actor, total] of told) expect(total).toBe(expected.get(actor) ?? 0);
      // A service that names no agent and calls nobody is none of the report's.
      for (const [actor, total] of expected) if (actor.includes(' ')) expect(told.get(actor)).toBe(total);
    }),
    { numRuns: 500 },
  );
});
