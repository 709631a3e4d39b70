import { describe, expect, it } from 'vitest';
import type { SpanAttributes } from '../../src/index.ts';
import { client, consumer, found, lost, producer, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const ask = client('gateway', '/plan', { under: question, at: 10, lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 24, lasts: 50 });

describe('lost-context', () => {
  it('names the boundary and the time, of a request', () => {
    expect(found([question, ask, lost(plan)])).toMatchObject([
      {
        code: 'lost-context',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'planner', transport: 'http', over: '/plan', missing: 'context' },
        message:
          'gateway → planner over http /plan: planner started a root 14 ms after gateway sent to it, once; the request carried no traceparent that planner used',
      },
    ]);
  });

  it('names the boundary of a message, and finds each of those that one span sent', () => {
    const send = producer('planner', 'desk.tasks', { under: question, at: 30 });
    const work = [68, 70].map((at) => lost(consumer('analyst', 'desk.tasks', { under: send, at })));
    expect(found([question, send, ...work])).toMatchObject([
      {
        code: 'lost-context',
        count: 2,
        boundary: { from: 'planner', to: 'analyst', transport: 'kafka', over: 'desk.tasks' },
        message: expect.stringContaining('analyst started a root 38 ms after planner sent to it, 2 times'),
      },
    ]);
  });

  it('is found behind a fanout of RabbitMQ, whose two ends name the exchange, and the exchange and the queue', () => {
    const rabbitmq = { 'messaging.system': 'rabbitmq' };
    const of = (system: object, key?: string): SpanAttributes => ({
      ...system,
      ...(key !== undefined && { 'messaging.rabbitmq.destination.routing_key': key }),
    });
    const lostBehind = (
      sent: string,
      received: string,
      system: object,
      [from, to]: readonly (string | undefined)[] = [],
    ) =>
      found([
        question,
        producer('planner', sent, { under: question, at: 30, attributes: of(system, from) }),
        consumer('analyst', received, { at: 68, attributes: of(system, to) }),
      ]).filter(({ code }) => code === 'lost-context');
    const boundary = { from: 'planner', to: 'analyst', transport: 'rabbitmq' };
    expect(lostBehind('plans', 'plans:analysts', rabbitmq)).toMatchObject([{ boundary }]);
    expect(lostBehind('plans', 'plans:amq.gen-1', rabbitmq)).toMatchObject([{ boundary }]);
    expect(lostBehind('plans:eu', 'plans:eu:analysts', rabbitmq)).toHaveLength(1);
    expect(lostBehind('plans', 'planets:analysts', rabbitmq)).toEqual([]);
    // With a key, which both ends say, another key of the same exchange is another way.
    expect(lostBehind('plans:a', 'plans:a:analysts', rabbitmq, ['a', 'a'])).toHaveLength(1);
    expect(lostBehind('plans:a', 'plans:b:analysts', rabbitmq, ['a', 'b'])).toEqual([]);
    // What is none of RabbitMQ's is one name.
    expect(lostBehind('plans', 'plans:analysts', { 'messaging.system': 'kafka' })).toEqual([]);
  });

  it('says it once of many, and once for each boundary', () => {
    const spans = [0, 1000, 2000].flatMap((at) => {
      const ask = client('gateway', '/plan', { at, lasts: 100 });
      const draw = client('gateway', '/chart', { at: at + 200, lasts: 100 });
      return [ask, server('planner', '/plan', { at: at + 10 }), draw, server('artist', '/chart', { at: at + 210 })];
    });
    expect(found(spans).map(({ count, boundary }) => [boundary?.to, count])).toEqual([
      ['planner', 3],
      ['artist', 3],
    ]);
  });

  it('is found of a handler that inherits the span in which its server was started', () => {
    const boot = span('planner', 'boot', { at: -100 });
    const inherited = server('planner', '/plan', { under: boot, at: 24, more: { parentIsRemote: false } });
    expect(found([boot, question, ask, inherited])).toMatchObject([
      { code: 'lost-context', boundary: { from: 'gateway', to: 'planner', over: '/plan' } },
    ]);
  });

  it('is judged in the old names of the conventions too', () => {
    const old = span('gateway', 'GET', {
      at: 10,
      lasts: 100,
      attributes: { 'http.method': 'GET', 'http.url': 'http://planner/plan' },
      more: { kind: 'CLIENT' },
    });
    expect(told([old, server('planner', '/plan', { at: 20 })])).toHaveLength(1);
  });

  describe('says nothing of', () => {
    it('a request of the outside', () => {
      expect(told([server('planner', '/plan'), question])).toEqual([]);
    });

    it('a peer that nobody traces', () => {
      const database = client('gateway', '/', { under: question, attributes: { 'db.system': 'redis' } });
      expect(told([question, ask, database])).toEqual([]);
    });

    it('a restart with a link', () => {
      const restarted = { ...lost(plan), links: [{ ...ask, attributes: {} }] };
      expect(told([question, ask, restarted])).toEqual([]);
    });

    it('a request of the outside while a call of ours was answered', () => {
      expect(told([question, ask, plan, server('planner', '/plan', { at: 30 })])).toEqual([]);
    });

    it('a request of another path, method, port or transport', () => {
      for (const other of [
        server('planner', '/health', { at: 24 }),
        server('planner', '/plan', { at: 24, attributes: { 'http.request.method': 'POST' } }),
        server('planner', '/plan', { at: 24, attributes: { 'server.port': 8080 } }),
        consumer('planner', '/plan', { at: 24 }),
      ]) {
        expect(told([question, ask, other])).toEqual([]);
      }
    });

    it('a request of another host, at the time of a call of a third party', () => {
      const abroad = client('gateway', '/', { under: question, attributes: { 'server.address': 'api.example.com' } });
      const here = server('planner', '/', { at: 5, attributes: { 'server.address': 'planner.internal' } });
      expect(told([question, abroad, here])).toEqual([]);
    });

    it('a request that came before the call, or after it was over', () => {
      for (const at of [-500, 400]) expect(told([question, ask, server('planner', '/plan', { at })])).toEqual([]);
    });

    it('a message that nobody was seen to take, and a consumer of a topic that nobody sent to', () => {
      const send = producer('planner', 'desk.tasks');
      expect(told([send, consumer('auditor', 'desk.results', { at: 20 })])).toEqual([]);
    });

    it('a message that was handled before it was sent', () => {
      expect(told([producer('planner', 'desk.tasks', { at: 500 }), consumer('analyst', 'desk.tasks')])).toEqual([]);
    });

    it('the same message for two groups of consumers', () => {
      const send = producer('planner', 'desk.tasks');
      const groups = ['analyst', 'auditor'].map((group) => consumer(group, 'desk.tasks', { under: send, at: 20 }));
      expect(told([send, ...groups])).toEqual([]);
    });

    it('a redelivery', () => {
      const send = producer('planner', 'desk.tasks');
      const tries = [20, 900].map((at) => consumer('analyst', 'desk.tasks', { under: send, at }));
      expect(told([send, ...tries])).toEqual([]);
    });

    it('what a poll hands to handlers: the poll is a root, and each message is joined', () => {
      const send = producer('planner', 'desk.tasks');
      const poll = consumer('analyst', 'desk.tasks', { at: 15, attributes: { 'messaging.operation.type': 'receive' } });
      const work = consumer('analyst', 'desk.tasks', { under: poll, at: 20, links: [send] });
      expect(told([send, poll, { ...work, parentIsRemote: false }])).toEqual([]);
    });

    it('the roots of start-up', () => {
      const roots = ['tcp.connect', 'dns.lookup', 'fs readFile', 'tls.connect'].map((name) => span('gateway', name));
      expect(told([...roots, question, ask, plan])).toEqual([]);
    });

    it('a timer of its own that calls', () => {
      const ticks = [0, 1000, 2000].map((at) => client('worker', '/plan', { at, lasts: 100 }));
      const served = ticks.map((tick, nth) => server('planner', '/plan', { under: tick, at: nth * 1000 + 10 }));
      expect(told([...ticks, ...served])).toEqual([]);
    });

    it('an export that came twice', () => {
      expect(told([question, ask, plan, question, ask, plan])).toEqual([]);
    });

    it('a span in a span for one call, of which the inner one is answered', () => {
      const outer = client('gateway', '/plan', { under: question, at: 5, lasts: 200 });
      const inner = client('gateway', '/plan', { under: outer, at: 10, lasts: 100 });
      expect(told([question, outer, inner, server('planner', '/plan', { under: inner, at: 20 })])).toEqual([]);
    });

    it('a handle that is resumed', () => {
      const suspend = span('desk', 'suspend', {
        more: { kind: 'PRODUCER' },
        attributes: { 'throughline.transport': 'handle' },
      });
      const resumed = span('desk', 'approved', {
        at: 90_000,
        links: [suspend],
        more: { kind: 'CONSUMER' },
        attributes: { 'throughline.transport': 'handle' },
      });
      expect(told([suspend, resumed])).toEqual([]);
    });
  });

  it('blames nobody who was not seen to receive: a third service of the same trace', () => {
    const bystander = server('library', '/plan', { at: 5000 });
    expect(told([question, ask, bystander])).toEqual([]);
  });
});
