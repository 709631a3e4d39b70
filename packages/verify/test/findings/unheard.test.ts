import { describe, expect, it } from 'vitest';
import { checkChains } from '../../src/index.ts';
import { client, consumer, found, lost, producer, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const ask = client('gateway', '/plan', { under: question, at: 10, lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 20, lasts: 50 });
const send = producer('gateway', 'desk.tasks', { under: question, at: 150 });
const work = consumer('analyst', 'desk.tasks', { under: send, at: 170 });
const tasks = { from: 'gateway', to: 'analyst', over: 'desk.tasks' };

describe('what was sent and never seen to arrive', () => {
  it('is listed, by who sent it and over what', () => {
    const twice = client('gateway', '/plan', { under: question, at: 200 });
    expect(checkChains([question, ask, twice, send])).toMatchObject({
      verdict: 'sound',
      unheard: [
        { from: 'gateway', transport: 'http', over: '/plan', count: 2 },
        { from: 'gateway', transport: 'kafka', over: 'desk.tasks', count: 1 },
      ],
    });
  });

  it('is nothing that arrived, lost or not, nor what a database, a poll or a failed call is', () => {
    const poll = client('analyst', '/', {
      attributes: { 'messaging.system': 'kafka', 'messaging.operation.type': 'receive' },
    });
    const database = client('gateway', '/', { under: question, attributes: { 'db.system': 'redis' } });
    const refused = client('gateway', '/down', { under: question, more: { status: { code: 'ERROR' } } });
    const spans = [question, ask, plan, send, lost(work), poll, database, refused];
    expect(checkChains(spans).unheard).toEqual([]);
  });
});

describe('unheard', () => {
  it('names the edge whose receiver should be in the capture', () => {
    expect(found([question, ask, plan, send], { edges: [tasks] })).toMatchObject([
      {
        code: 'unheard',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'analyst', transport: 'kafka', over: 'desk.tasks', missing: 'span' },
        message:
          'gateway → analyst over kafka desk.tasks: gateway sent once, and analyst, which should be in the capture, was not seen to receive it',
      },
    ]);
  });

  it('is found by a contract, beside what it asks for at the least', () => {
    const sends = [send, producer('gateway', 'desk.tasks', { under: question, at: 160 })];
    const contract = { hops: [{ ...tasks, min: 1 }] };
    expect(told([question, ask, plan, ...sends, work], { contract })).toEqual([expect.stringMatching(/^unheard: /)]);
  });

  describe('says nothing of', () => {
    it('an edge over which all arrived, or nothing was sent', () => {
      expect(told([question, ask, plan, send, work], { edges: [tasks] })).toEqual([]);
      expect(told([question, ask, plan], { edges: [tasks] })).toEqual([]);
    });

    it('what other services sent, or over other ways', () => {
      expect(
        told([question, ask, send], {
          edges: [
            { ...tasks, from: 'planner' },
            { ...tasks, over: 'desk.results' },
          ],
        }),
      ).toEqual([]);
    });

    it('what is still on its way', () => {
      expect(told([question, ask, plan, send], { edges: [tasks], settleMs: 1000 })).toEqual([]);
    });
  });
});

describe('silent-service', () => {
  it('names the service, and what it may have received', () => {
    expect(found([question, send], { services: ['gateway', 'analyst'] })).toMatchObject([
      {
        code: 'silent-service',
        severity: 'error',
        boundary: { from: 'gateway', to: 'analyst', transport: 'kafka', over: 'desk.tasks', missing: 'span' },
        message:
          'nothing came from analyst, which should be in the capture: it is not traced, exports to somewhere else, records nothing, or ended before its export. Nobody was seen to receive what gateway sent over kafka desk.tasks, once',
      },
    ]);
  });

  it('is found of a tool server that nobody wrapped', () => {
    const attributes = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'search' };
    const call = span('agent', 'tools/call search', { attributes, more: { kind: 'CLIENT' } });
    expect(found([call], { services: ['agent', 'tools'] })).toMatchObject([
      { code: 'silent-service', boundary: { from: 'agent', to: 'tools', transport: 'mcp', over: 'search' } },
    ]);
  });

  it('leaves it to a gap that names what is missing', () => {
    const look = client('planner', '/search', { under: plan, at: 30 });
    const search = server('library', '/search', { under: look, at: 35 });
    const services = ['gateway', 'planner', 'library'];
    expect(found([question, ask, search], { services }).map(({ code }) => code)).toEqual(['phantom-parent']);
  });

  describe('says nothing of', () => {
    it('services that are there, and of those that nobody asked for', () => {
      expect(told([question, ask, plan], { services: ['gateway', 'planner'] })).toEqual([]);
      expect(told([question, ask])).toEqual([]);
    });

    it('an empty capture, which is empty', () => {
      expect(checkChains([], { services: ['gateway'] })).toMatchObject({ verdict: 'empty', findings: [] });
    });
  });
});
