import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { populationStabilityIndex, watchDrift } from '../src/index.ts';
import { binOf, distributionOf } from '../src/inference/stability-index.ts';

const score = fc.double({ noNaN: true, noDefaultInfinity: true });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const pair = fc
  .integer({ min: 1, max: 20 })
  .chain((bins) =>
    fc.tuple(
      fc.array(fc.nat(1000), { minLength: bins, maxLength: bins }),
      fc.array(fc.nat(1000), { minLength: bins, maxLength: bins }),
    ),
  )
  .filter((sides) => sides.every((counts) => counts.some((count) => count > 0)));

describe('populationStabilityIndex()', () => {
  it('is that of the formula', () => {
    const index = populationStabilityIndex([0.5, 0.5], [0.25, 0.75]);
    expect(index).toBeCloseTo(-0.25 * Math.log(0.5) + 0.25 * Math.log(1.5), 12);
    expect(populationStabilityIndex([1, 1], [25, 75])).toBeCloseTo(index, 12);
  });

  it('is 0 for a distribution and itself, never below, never without end, and the same both ways', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const index = populationStabilityIndex(a, b);
        expect(index).toBeGreaterThanOrEqual(0);
        expect(index).toBeLessThan(20);
        expect(populationStabilityIndex(b, a)).toBeCloseTo(index, 9);
        expect(populationStabilityIndex(a, a)).toBe(0);
        expect(
          populationStabilityIndex(
            a,
            a.map((count) => count * 3),
          ),
        ).toBeCloseTo(0, 9);
      }),
    );
  });

  it('grows with the distance', () => {
    const shifted = [0, 0.1, 0.2, 0.3, 0.4].map((by) => populationStabilityIndex([0.5, 0.5], [0.5 - by, 0.5 + by]));
    expect(shifted).toEqual(shifted.toSorted((a, b) => a - b));
    expect(shifted[4]).toBeGreaterThan(0.25);
  });
});

describe('bins', () => {
  it('hold each value once, between the edges around it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(score, { minLength: 1, comparator: (a, b) => a === b }), score, (edges, value) => {
        const bins = edges.toSorted((a, b) => a - b);
        const bin = binOf(bins, value);
        expect(bin === 0 || (bins[bin - 1] as number) <= value).toBe(true);
        expect(bin === bins.length || value < (bins[bin] as number)).toBe(true);
      }),
    );
  });

  it('of a sample are its deciles, whose shares are those of the sample, in whatever order it comes', () => {
    fc.assert(
      fc.property(fc.array(score, { minLength: 1, maxLength: 200 }), (sample) => {
        const { bins, shares } = distributionOf(sample);
        expect(bins.every((edge, at) => at === 0 || edge > (bins[at - 1] as number))).toBe(true);
        expect(shares).toHaveLength(bins.length + 1);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        const counts = shares.map(() => 0);
        for (const value of sample) (counts[binOf(bins, value)] as number)++;
        expect(populationStabilityIndex(shares, counts)).toBeCloseTo(0, 9);
        expect(distributionOf(sample.toReversed())).toEqual({ bins, shares });
      }),
    );
  });
});

describe('watchDrift()', () => {
  it('finds no drift in the baseline itself, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(unit, { minLength: 100, maxLength: 300 }),
        fc.integer({ min: 1, max: 90 }),
        (scores, size) => {
          const watch = watchDrift({ baseline: scores, window: scores.length });
          const found: (number | undefined)[] = [];
          for (let at = 0; at < scores.length; at += size) found.push(watch.observe(scores.slice(at, at + size)));
          expect(found.pop()).toBeCloseTo(0, 9);
          expect(found.every((index) => index === undefined)).toBe(true);
        },
      ),
    );
  });

  it('finds another distribution, also where the baseline is one value', () => {
    const ones = Array.from({ length: 100 }, () => 1);
    for (const other of [0.5, 1.5]) {
      const watch = watchDrift({ baseline: ones, window: 100 });
      expect(watch.observe(ones)).toBe(0);
      expect(watch.observe(ones.map(() => other))).toBeGreaterThan(watch.threshold);
    }
  });

  it('compares with bins that it is given, and starts anew after each window', () => {
    const watch = watchDrift({ baseline: { bins: [0.5], shares: [20, 80] }, window: 100 });
    const of = (low: number): number[] => Array.from({ length: 100 }, (_, n) => (n < low ? 0.1 : 0.9));
    expect(watch.observe(of(20))).toBeCloseTo(0, 9);
    expect(watch.observe([...of(90), Number.NaN, Infinity, ...of(20)])).toBeGreaterThan(1);
    expect(watch.observe(of(20))).toBeCloseTo(0, 9);
  });

  it.each([
    [undefined, '`options` takes an object'],
    [{}, '`baseline` takes { bins: [0.5], shares: [0.2, 0.8] }'],
    [{ baseline: [1, 2] }, '`baseline` takes at least 20 numbers'],
    [{ baseline: { bins: [1, 0], shares: [1, 1, 1] } }, '`baseline` takes'],
    [{ baseline: { bins: [0], shares: [1] } }, '`baseline` takes'],
    [{ baseline: { bins: [0], shares: [0, 0] } }, '`baseline` takes'],
    [{ baseline: { bins: [0], shares: [1, 1] }, window: 5 }, '`window` takes a whole number from 100'],
    [{ baseline: { bins: [0], shares: [1, 1] }, threshold: 0 }, '`threshold` takes a number above 0'],
    [{ baseline: { bins: [0], shares: [1, 1] }, windows: 5 }, 'Did you mean `window`?'],
  ])('throws for %j', (options, message) => {
    expect(() => watchDrift(options as never)).toThrow(message);
  });
});
