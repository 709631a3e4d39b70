/** How values are distributed: `bins` are the edges between the bins, ascending, and `shares` are those of the bins, one more than edges. */
export interface Distribution {
  readonly bins: readonly number[];
  readonly shares: readonly number[];
}

// A bin that is empty on one side would count without end.
const LEAST_SHARE = 1e-4;

/**
 * Returns the population stability index of two distributions over the same bins: 0 where they are equal, and more the further they are
 * apart, whichever comes first. By common usage, up to 0.1 says nothing and 0.25 is another distribution. Shares may be counts. A pure function.
 *
 *     PSI = Σ (actual − expected) · ln(actual / expected)
 */
export function populationStabilityIndex(expected: readonly number[], actual: readonly number[]): number {
  const [from, to] = [totalOf(expected), totalOf(actual)];
  let index = 0;
  for (let bin = 0; bin < expected.length; bin++) {
    const before = Math.max(LEAST_SHARE, (expected[bin] ?? 0) / from);
    const after = Math.max(LEAST_SHARE, (actual[bin] ?? 0) / to);
    index += (after - before) * Math.log(after / before);
  }
  return index;
}

function totalOf(shares: readonly number[]): number {
  return shares.reduce((sum, share) => sum + share, 0) || 1;
}

/** Returns the bin that a value is in: that above the last edge which it reaches. */
export function binOf(bins: readonly number[], value: number): number {
  let [low, high] = [0, bins.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bins[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const PARTS = 10;

/** Returns the distribution of a sample over its own deciles. It has at least one value, and all of them are finite. */
export function distributionOf(sample: readonly number[]): Distribution {
  const sorted = Float64Array.from(sample).toSorted();
  const edges = new Set<number>();
  for (let part = 1; part < PARTS; part++) edges.add(sorted[Math.floor((part * sorted.length) / PARTS)] as number);
  const [only] = edges;
  // Nearly all of it is one value, and whatever is above that is another bin.
  if (edges.size === 1) edges.add(above(only as number));
  const bins = [...edges].toSorted((a, b) => a - b);
  const shares = Array.from({ length: bins.length + 1 }, () => 0);
  for (const value of sorted) (shares[binOf(bins, value)] as number) += 1 / sorted.length;
  return { bins, shares };
}

function above(value: number): number {
  return value + Math.max(Math.abs(value) * Number.EPSILON, Number.MIN_VALUE);
}
