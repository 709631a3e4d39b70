import { describe, expect, it } from 'vitest';
import { client, consumer, found, producer, server, told } from './spans.ts';

const many = { 'messaging.batch.message_count': 3 };
const question = server('gateway', '/questions', { lasts: 500 });
const sends = [10, 12, 14].map((at) => producer('gateway', 'desk.tasks', { under: question, at }));
const batch = consumer('analyst', 'desk.tasks', { at: 60, attributes: many });

describe('batch-unlinked', () => {
  it('names the boundary', () => {
    expect(found([question, ...sends, batch])).toMatchObject([
      {
        code: 'batch-unlinked',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'analyst', transport: 'kafka', over: 'desk.tasks', missing: 'link' },
        message:
          'gateway → analyst over kafka desk.tasks: analyst took a batch in under one span without a link to any of its messages, once',
      },
    ]);
  });

  describe('says nothing of', () => {
    it('a batch that links its senders', () => {
      expect(
        told([question, ...sends, consumer('analyst', 'desk.tasks', { at: 60, attributes: many, links: sends })]),
      ).toEqual([]);
    });

    it('a batch with a span for each message, joined by link or by parent', () => {
      const linked = sends.map((send) => consumer('analyst', 'desk.tasks', { under: batch, at: 61, links: [send] }));
      expect(told([question, ...sends, batch, ...linked.map((one) => ({ ...one, parentIsRemote: false }))])).toEqual(
        [],
      );
      const joined = sends.map((send) => consumer('analyst', 'desk.tasks', { under: send, at: 61 }));
      expect(told([question, ...sends, batch, ...joined])).toEqual([]);
    });

    it('a poll that comes back with many', () => {
      const poll = consumer('analyst', 'desk.tasks', {
        at: 55,
        attributes: { ...many, 'messaging.operation.type': 'receive' },
      });
      const work = sends.map((send) => consumer('analyst', 'desk.tasks', { under: poll, at: 60, links: [send] }));
      expect(told([question, ...sends, poll, ...work.map((one) => ({ ...one, parentIsRemote: false }))])).toEqual([]);
    });

    it('a batch of the outside', () => {
      expect(told([batch, client('analyst', '/search', { under: batch, at: 62 })])).toEqual([]);
    });

    it('a batch that one span sent, continued by parent', () => {
      const send = producer('gateway', 'desk.tasks', { under: question, at: 10, attributes: many });
      expect(
        told([question, send, consumer('analyst', 'desk.tasks', { under: send, at: 60, attributes: many })]),
      ).toEqual([]);
    });
  });
});
