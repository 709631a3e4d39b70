import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, consumer, found, producer, server, span, told } from './spans.ts';

const start = span('worker', 'scheduler', { lasts: 5 });
const ticks = (
  times: readonly number[],
  special: { under?: CollectedSpan; links?: CollectedSpan[] } = { under: start },
) => times.map((at) => span('worker', 'tick', { ...special, at, lasts: 20 }));
const regular = [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000];

describe('endless-trace', () => {
  it('names the service, and the span in which the timer was set', () => {
    expect(found([start, ...ticks(regular)])).toMatchObject([
      {
        code: 'endless-trace',
        severity: 'error',
        boundary: { to: 'worker', over: 'scheduler' },
        message:
          'worker goes on in one trace by itself: what scheduler set off started again at regular times, 8 times, after it and all above it was over. Start each run in a trace of its own',
      },
    ]);
  });

  it('is found in a request that set a timer', () => {
    const question = server('worker', '/questions', { lasts: 100 });
    const setting = span('worker', 'set', { under: question, at: 10 });
    expect(found([question, setting, ...ticks(regular, { under: setting })])).toMatchObject([
      { code: 'endless-trace' },
    ]);
  });

  describe('says nothing of', () => {
    it('what hangs from a span that does not say when it was over', () => {
      const untimed = { ...start, startTimeUnixNano: 0n, endTimeUnixNano: 0n };
      expect(told([untimed, ...ticks(regular)])).toEqual([]);
    });

    it('a root for each run', () => {
      expect(told(regular.map((at) => span('worker', 'tick', { at })))).toEqual([]);
    });

    it('a trace for each run that links to its schedule', () => {
      expect(told([start, ...ticks(regular, { links: [start] })])).toEqual([]);
    });

    it('a job that is open as long as its steps', () => {
      const job = span('worker', 'job', { lasts: 12_000 });
      expect(told([job, ...ticks(regular, { under: job })])).toEqual([]);
      const question = server('worker', '/jobs', { lasts: 12_000 });
      const setting = span('worker', 'set', { under: question, at: 10 });
      expect(told([question, setting, ...ticks(regular, { under: setting })])).toEqual([]);
    });

    it('work in steps that came to an end', () => {
      expect(told([start, ...ticks(regular), server('worker', '/questions', { at: 60_000 })])).toEqual([]);
    });

    it('retries with a back-off', () => {
      expect(told([start, ...ticks([100, 300, 700, 1500, 3100, 6300, 12_700, 25_500])])).toEqual([]);
    });

    it('steps at regular times that come to an end, while the service goes on', () => {
      expect(told([start, ...ticks(regular), span('worker', 'other', { at: 20_000 })])).toEqual([]);
    });

    it('a few children that outlive their parent', () => {
      expect(told([start, ...ticks([1000, 2000, 3000])])).toEqual([]);
    });

    it('different calls after an answer: a stream', () => {
      const question = server('gateway', '/stream', { lasts: 20 });
      const calls = regular.map((at, nth) => client('gateway', `/part/${nth}`, { under: question, at }));
      const named = calls.map((call, nth) => ({ ...call, name: `GET /part/${nth}` }));
      expect(told([question, ...named])).toEqual([]);
    });

    it('messages that come in regularly below one that sent them', () => {
      const send = producer('gateway', 'desk.tasks', { lasts: 5 });
      expect(told([send, ...regular.map((at) => consumer('analyst', 'desk.tasks', { under: send, at }))])).toEqual([]);
      expect(told([send, ...regular.map((at) => consumer('gateway', 'desk.tasks', { under: send, at }))])).toEqual([]);
    });
  });
});
