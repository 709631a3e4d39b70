import { checkKnown, checkObject, checkWhole, optionError } from '@throughline/core/adapter';
import { binOf, distributionOf, populationStabilityIndex } from './stability-index.ts';
import type { Distribution } from './stability-index.ts';

/** The options of {@link watchDrift}. */
export interface DriftOptions {
  /** What scores were like when the model was good: a sample of them, or their shares in bins. */
  readonly baseline: readonly number[] | Distribution;
  /** How many scores are compared at a time. Default 1,000. */
  readonly window?: number | undefined;
  /** The population stability index from which on a window has drifted. Default 0.25. */
  readonly threshold?: number | undefined;
}

/** Compares the scores of a model with its baseline, window after window. */
export interface DriftWatch {
  readonly threshold: number;
  /**
   * Takes in scores. Returns the population stability index of the window where they filled one, or the highest where they filled several. A
   * score that is no finite number is passed over.
   */
  observe(scores: Iterable<number>): number | undefined;
}

const LEAST_SAMPLE = 20;
const LEAST_WINDOW = 100;

/**
 * Returns what watches the scores of one model: make it once, next to the model, and give it to each `runInference`. It keeps counts and no
 * scores. Throws a `ThroughlineError` for a baseline that is none.
 *
 * @example
 * ```ts
 * const drift = watchDrift({ baseline: scoresOfLastMonth });
 * await runInference({ model: 'ranker' }, { drift }, async (run) => run.predictions(await run.infer(() => rank(batch))));
 * ```
 */
export function watchDrift(options: DriftOptions): DriftWatch {
  if (options === undefined) throw optionError('options', 'an object, such as { baseline: scores }', undefined);
  checkObject('options', options, 'an object, such as { baseline: scores }');
  checkKnown(options, ['baseline', 'window', 'threshold'], 'drift');
  const { window = 1000, threshold = 0.25 } = options;
  checkWhole('window', window, LEAST_WINDOW);
  if (!(typeof threshold === 'number' && threshold > 0)) throw optionError('threshold', 'a number above 0', threshold);
  const { bins, shares } = baselineOf(options.baseline);
  let counts = shares.map(() => 0);
  let seen = 0;
  return {
    threshold,
    observe: (scores) => {
      let highest: number | undefined;
      for (const score of scores) {
        if (!Number.isFinite(score)) continue;
        (counts[binOf(bins, score)] as number)++;
        if (++seen < window) continue;
        highest = Math.max(highest ?? 0, populationStabilityIndex(shares, counts));
        counts = shares.map(() => 0);
        seen = 0;
      }
      return highest;
    },
  };
}

function baselineOf(baseline: readonly number[] | Distribution): Distribution {
  if (isList(baseline)) {
    if (baseline.length >= LEAST_SAMPLE && baseline.every(Number.isFinite)) return distributionOf(baseline);
    throw optionError('baseline', `at least ${LEAST_SAMPLE} numbers, or { bins, shares }`, baseline);
  }
  const example =
    '{ bins: [0.5], shares: [0.2, 0.8] }: ascending edges, and a share for each bin between and beside them';
  if (typeof baseline !== 'object' || baseline === null) throw optionError('baseline', example, baseline);
  const { bins, shares } = baseline as { readonly bins: unknown; readonly shares: unknown };
  if (
    !isList(bins) ||
    !isList(shares) ||
    shares.length !== bins.length + 1 ||
    !isAscending(bins) ||
    !areShares(shares)
  ) {
    throw optionError('baseline', example, baseline);
  }
  return { bins: [...bins], shares: [...shares] };
}

function isList(value: unknown): value is readonly number[] {
  return Array.isArray(value);
}

function isAscending(edges: readonly number[]): boolean {
  return (
    edges.length > 0 && edges.every((edge, at) => Number.isFinite(edge) && (at === 0 || edge > (edges[at - 1] ?? edge)))
  );
}

function areShares(shares: readonly number[]): boolean {
  return shares.every((share) => Number.isFinite(share) && share >= 0) && shares.some((share) => share > 0);
}
