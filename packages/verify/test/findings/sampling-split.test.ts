import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, found, server, told } from './spans.ts';

/** One request through three services. */
function request(at: number): Record<'question' | 'ask' | 'plan' | 'look' | 'search', CollectedSpan> {
  const question = server('gateway', '/questions', { at, lasts: 200 });
  const ask = client('gateway', `/plan?q=${at}`, { under: question, at: at + 10, lasts: 100 });
  const plan = server('planner', '/plan', { under: ask, at: at + 20, lasts: 80 });
  const look = client('planner', '/search', { under: plan, at: at + 30, lasts: 30 });
  return { question, ask, plan, look, search: server('library', '/search', { under: look, at: at + 35 }) };
}

const requests = [0, 1000, 2000, 3000, 4000, 5000].map(request);
const whole = (one: ReturnType<typeof request>): CollectedSpan[] => Object.values(one);
/** The planner records nothing of some requests. */
const without = (...numbers: number[]): CollectedSpan[] =>
  requests.flatMap(({ question, ask, plan, look, search }, nth) =>
    numbers.includes(nth) ? [question, ask, search] : [question, ask, plan, look, search],
  );

describe('sampling-split', () => {
  it('names the service between, and where the trace goes on', () => {
    expect(found(without(1, 3))).toMatchObject([
      {
        code: 'sampling-split',
        severity: 'error',
        count: 2,
        boundary: { from: 'planner', to: 'library', transport: 'http', over: '/search', missing: 'span' },
        message:
          'planner → library over http /search: planner exported nothing of a trace that goes on in library, 2 times, and takes part in others at the same place: it samples without regard to its parent',
      },
    ]);
  });

  it('names a service that nothing is below, by the calls that it answered and did not record', () => {
    const spans = requests.flatMap(({ question, ask, plan }, nth) =>
      nth === 1 || nth === 3 ? [question, ask] : [question, ask, plan],
    );
    expect(found(spans)).toMatchObject([
      {
        code: 'sampling-split',
        count: 2,
        boundary: { from: 'gateway', to: 'planner', over: '/plan', missing: 'span' },
      },
    ]);
  });

  describe('says nothing of', () => {
    it('traces that nobody recorded', () => {
      expect(told([requests[0], requests[4]].flatMap((one) => (one === undefined ? [] : whole(one))))).toEqual([]);
    });

    it('answers that a cache between may have given: the same was asked before', () => {
      const spans = [1, 1, 2, 1, 2, 3].flatMap((page, nth) => {
        const ask = client('gateway', `/pages/${page}`, { at: nth * 1000, lasts: 100 });
        const isFirst = [0, 2, 5].includes(nth);
        return isFirst ? [ask, server('planner', `/pages/${page}`, { under: ask, at: nth * 1000 + 10 })] : [ask];
      });
      expect(told(spans)).toEqual([]);
    });

    it('a service that died: it answers no more', () => {
      const spans = requests.flatMap(({ question, ask, plan }, nth) =>
        nth < 3 ? [question, ask, plan] : [question, ask],
      );
      expect(told(spans)).toEqual([]);
    });

    it('a service that was started later', () => {
      const spans = requests.flatMap(({ question, ask, plan }, nth) =>
        nth < 3 ? [question, ask] : [question, ask, plan],
      );
      expect(told(spans)).toEqual([]);
    });

    it('calls that failed, and calls that a cache answered', () => {
      const failed = { status: { code: 'ERROR' } } as const;
      const spans = requests.flatMap(({ question, ask, plan }, nth) =>
        nth === 1 || nth === 3 ? [question, { ...ask, ...failed }] : [question, ask, plan],
      );
      expect(told(spans)).toEqual([]);
      const cached = { 'http.response.status_code': 304 };
      const unchanged = requests.flatMap(({ question, ask, plan }, nth) =>
        nth === 1 || nth === 3
          ? [question, { ...ask, attributes: { ...ask.attributes, ...cached } }]
          : [question, ask, plan],
      );
      expect(told(unchanged)).toEqual([]);
    });

    it('calls whose answer something between may have kept', () => {
      const spans = requests.flatMap(({ question, ask, plan }, nth) => {
        const same = { ...ask, attributes: { ...ask.attributes, 'url.full': 'http://host/plan' } };
        return nth === 1 || nth === 3 ? [question, same] : [question, same, plan];
      });
      expect(told(spans)).toEqual([]);
    });

    it('one call that nobody was seen to answer', () => {
      const spans = requests.flatMap(({ question, ask, plan }, nth) =>
        nth === 1 ? [question, ask] : [question, ask, plan],
      );
      expect(told(spans)).toEqual([]);
    });

    it('a place that is never answered: nobody traces it', () => {
      expect(told(requests.flatMap(({ question, ask }) => [question, ask]))).toEqual([]);
    });
  });
});
