import { describe, expect, it } from 'vitest';
import { client, consumer, found, producer, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const answer = span('gateway', 'answer', { under: question, at: 5, lasts: 300 });
const ask = client('gateway', '/plan', { under: answer, at: 10, lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 20, lasts: 50 });

describe('orphan', () => {
  it('names the service, and no boundary between two', () => {
    expect(found([question, ask, plan])).toMatchObject([
      {
        code: 'orphan',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'gateway', missing: 'parent' },
        message:
          'gateway exported GET and not its parent, which is a span of its own, once: it was filtered, never ended, or lost with the process',
      },
    ]);
  });

  it('is told once of all that hung from the spans that are gone', () => {
    const draw = client('gateway', '/chart', { under: answer, at: 120 });
    expect(found([question, ask, draw, plan]).map(({ code, count }) => [code, count])).toEqual([['orphan', 2]]);
  });

  it('says nothing more of the same gap: the receipt of the hop above is not met because of it', () => {
    const hop = { ...question, attributes: { ...question.attributes, 'throughline.calls': 1 } };
    expect(found([hop, ask, plan]).map(({ code }) => code)).toEqual(['orphan']);
  });

  it('names the call, and not the noise beside it', () => {
    const scope = { name: '@opentelemetry/instrumentation-net' };
    const connect = span('gateway', 'tcp.connect', { under: answer, at: 11, more: { scope } });
    expect(told([question, connect, ask, plan])).toEqual([expect.stringContaining('gateway exported GET and not')]);
  });

  it('says which knob turns off what is nothing but noise', () => {
    const scope = { name: '@opentelemetry/instrumentation-net' };
    const connect = span('gateway', 'tcp.connect', { under: answer, at: 11, more: { scope } });
    expect(told([question, connect])).toEqual([
      expect.stringMatching(/lost with the process\. OTEL_NODE_DISABLED_INSTRUMENTATIONS=net turns them off$/),
    ]);
  });

  describe('says nothing of', () => {
    it('a child that outlives its parent', () => {
      const stream = client('gateway', '/stream', { under: answer, at: 400, lasts: 5000 });
      expect(told([question, answer, ask, plan, stream])).toEqual([]);
    });

    it('an inner span that nothing hangs from', () => {
      expect(told([question, answer])).toEqual([]);
      expect(told([question])).toEqual([]);
    });

    it('a parent that is another service', () => {
      expect(told([plan])).toEqual([]);
    });

    it('an arrival of another process of the same service', () => {
      const send = producer('desk', 'tasks');
      expect(told([consumer('desk', 'tasks', { under: send, at: 20 })])).toEqual([]);
    });
  });
});
