import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, consumer, found, producer, server, span, told } from './spans.ts';

const attributes = { 'gen_ai.conversation.id': 'c-17' };
const question = server('gateway', '/questions', { lasts: 500, attributes });
const analyse = span('analyst', 'invoke_agent analyst', { at: 30, lasts: 100, attributes });
const codes = (spans: readonly CollectedSpan[]): string[] => found(spans).map(({ code }) => code);

describe('conversation-split', () => {
  it('names both services, and when', () => {
    expect(found([question, analyse])).toMatchObject([
      {
        code: 'conversation-split',
        severity: 'warning',
        count: 1,
        boundary: { from: 'gateway', to: 'analyst', missing: 'context' },
        message:
          'analyst took part in a conversation of gateway in a chain of its own, once: it started 30 ms after gateway did, while gateway was at work, and nothing joins the two',
      },
    ]);
  });

  it('is found where the id stands deep in either chain', () => {
    const edge = server('gateway', '/questions', { lasts: 500 });
    const turn = span('gateway', 'turn', { under: edge, at: 5, lasts: 400, attributes });
    const served = server('analyst', '/analyse', { at: 30, lasts: 100 });
    const step = span('analyst', 'turn', { under: served, at: 40, attributes });
    expect(found([edge, turn, served, step])).toMatchObject([
      { code: 'conversation-split', boundary: { from: 'gateway', to: 'analyst' } },
    ]);
  });

  it('is found of background work of the same service', () => {
    expect(codes([question, span('gateway', 'summarise', { at: 30, attributes })])).toEqual(['conversation-split']);
  });

  it('leaves a request whose context was lost to lost-context', () => {
    const ask = client('gateway', '/analyse', { under: question, at: 10, lasts: 100 });
    expect(codes([question, ask, server('analyst', '/analyse', { at: 20, attributes })])).toEqual(['lost-context']);
  });

  describe('says nothing of', () => {
    it('turns, one after the other', () => {
      expect(
        told([0, 1000, 2000].map((at) => server('gateway', '/questions', { at, lasts: 500, attributes }))),
      ).toEqual([]);
    });

    it('two questions at once', () => {
      expect(told([0, 100].map((at) => server('gateway', '/questions', { at, lasts: 500, attributes })))).toEqual([]);
    });

    it('work that is joined, by parent or by link', () => {
      const send = producer('gateway', 'desk.tasks', { under: question, at: 10 });
      const linked = consumer('analyst', 'desk.tasks', { at: 30, links: [send], attributes });
      expect(told([question, send, linked])).toEqual([]);
      expect(told([question, span('gateway', 'turn', { under: question, attributes })])).toEqual([]);
    });

    it('another conversation at the same time', () => {
      expect(told([question, { ...analyse, attributes: { 'gen_ai.conversation.id': 'c-18' } }])).toEqual([]);
    });

    it('work on an old conversation', () => {
      expect(told([question, span('archivist', 'nightly', { at: 90_000, attributes })])).toEqual([]);
    });
  });
});
