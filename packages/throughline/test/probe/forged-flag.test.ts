import { describe, expect, it } from 'vitest';
import { chanceOf } from '../../src/probe/forged-flag.ts';

// The values of a sum over integers that are exact, in Python: comb(n, i) * comb(m, k - i) / comb(n + m, k).
describe('Fisher’s exact test, with one side', () => {
  it.each([
    [3, 4, 1, 4, 0.242857],
    [9, 20, 1, 20, 0.004181],
    [20, 20, 20, 20, 1],
    [0, 20, 0, 20, 1],
    [20, 20, 0, 20, 7.254444e-12],
    [1, 20, 9, 20, 0.999782],
  ])('%i of %i against %i of %i: %f', (hits, size, otherHits, otherSize, chance) => {
    expect(chanceOf(hits, size, otherHits, otherSize)).toBeCloseTo(chance, 5);
  });
});
