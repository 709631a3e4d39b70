import { describe, expect, it } from 'vitest';
import { checkChains } from '../src/index.ts';
import { client, consumer, producer, server, span } from './findings/spans.ts';

const usage = (input: number, output: number) => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
});

describe('what agents did', () => {
  const turn = span('desk', 'invoke_agent planner', {
    lasts: 500,
    attributes: { 'gen_ai.agent.name': 'planner', ...usage(30, 9) },
  });
  const chats = [10, 50].map((at) =>
    client('desk', '/chat', { under: turn, at, attributes: { 'gen_ai.operation.name': 'chat', ...usage(10, 4) } }),
  );
  const refused = client('desk', '/search', { under: turn, at: 90, more: { status: { code: 'ERROR' } } });
  const search = client('desk', '/search', { under: turn, at: 120 });

  it('is told by agent, with failures, and tokens once', () => {
    expect(checkChains([turn, ...chats, refused, search]).agents).toEqual([
      {
        service: 'desk',
        agent: 'planner',
        calls: [
          { transport: 'http', over: '/chat', count: 2, failed: 0 },
          { transport: 'http', over: '/search', count: 2, failed: 1 },
        ],
        tokens: { input: 20, output: 8, calls: 2 },
        total: { input: 20, output: 8, calls: 2 },
      },
    ]);
  });

  it('is told by service where nobody names an agent, and not across a boundary', () => {
    const served = server('library', '/search', { under: search, at: 122, attributes: usage(5, 1) });
    expect(checkChains([turn, search, served]).agents).toEqual([
      {
        service: 'desk',
        agent: 'planner',
        calls: [{ transport: 'http', over: '/search', count: 1, failed: 0 }],
        tokens: { input: 30, output: 9, calls: 1 },
        total: { input: 35, output: 10, calls: 2 },
      },
      {
        service: 'library',
        calls: [],
        tokens: { input: 5, output: 1, calls: 1 },
        total: { input: 5, output: 1, calls: 1 },
      },
    ]);
  });
});

describe('what was asked again', () => {
  const question = server('gateway', '/questions', { lasts: 500 });
  const ask = (path: string, at: number, method = 'GET') =>
    client('gateway', path, { under: question, at, lasts: 20, attributes: { 'http.request.method': method } });

  it('is told with the time that it took', () => {
    const spans = [
      question,
      ask('/search?q=a', 10),
      ask('/search?q=a', 50),
      ask('/search?q=b', 90),
      ask('/search?q=a', 130),
    ];
    expect(checkChains(spans).repeated).toEqual([
      { from: 'gateway', transport: 'http', over: '/search', again: 2, took: expect.closeTo(40, 1) },
    ]);
  });

  it('is nothing that may have had another body, other arguments, or was another request', () => {
    const other = server('gateway', '/questions', { at: 600, lasts: 100 });
    const later = client('gateway', '/search?q=a', { under: other, at: 610 });
    const spans = [question, ask('/plan', 10, 'POST'), ask('/plan', 50, 'POST'), ask('/search?q=a', 60), other, later];
    expect(checkChains(spans).repeated).toEqual([]);
  });
});

describe('the critical path', () => {
  const question = server('gateway', '/questions', { lasts: 100 });
  const send = producer('gateway', 'desk.tasks', { under: question, at: 10, lasts: 5 });
  const work = consumer('analyst', 'desk.tasks', { under: send, at: 815, lasts: 50 });
  const fast = client('gateway', '/fast', { under: question, at: 20, lasts: 10 });

  it('says which hop cost the time, and what waited in a queue', () => {
    const { criticalPath } = checkChains([question, send, fast, work]);
    expect(criticalPath).toMatchObject({
      traceId: question.traceId,
      duration: 865,
      steps: [
        { service: 'gateway', name: 'GET /questions', self: 10, waited: 0 },
        { service: 'gateway', name: 'send desk.tasks', self: 5, waited: 0 },
        { service: 'analyst', over: 'kafka desk.tasks', self: 50, waited: 800 },
      ],
    });
  });

  it('adds up to all of the time', () => {
    const ask = client('gateway', '/plan', { under: question, at: 30, lasts: 60 });
    const plan = server('planner', '/plan', { under: ask, at: 35, lasts: 50 });
    const { criticalPath } = checkChains([question, fast, ask, plan]);
    const sum = criticalPath?.steps.reduce((total, { self, waited }) => total + self + waited, 0);
    expect(sum).toBeCloseTo(100, 1);
  });

  it('ends where parents lead back to themselves, and is nothing of an empty capture', () => {
    expect(checkChains([{ ...question, parentSpanId: question.spanId }]).criticalPath).toBeUndefined();
    expect(checkChains([]).criticalPath).toBeUndefined();
  });

  it('takes a trace of a hundred thousand spans, one in the other', () => {
    const deep = [question];
    for (let nth = 0; nth < 100_000; nth++)
      deep.push(span('gateway', 'step', { under: deep.at(-1) ?? question, lasts: 90 }));
    expect(checkChains(deep).criticalPath?.duration).toBe(100);
  });
});
