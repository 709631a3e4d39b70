import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CONFIDENCE_MEAN,
  ATTR_CONFIDENCE_MIN,
  ATTR_CONFIDENCE_P10,
  ATTR_INFERENCE_PREDICTIONS,
} from '../own-names.ts';

// A run over a whole data set must not keep it.
const MAX_KEPT = 10_000;

/** How sure a model was of its predictions. */
export class Confidences {
  count = 0;
  #sum = 0;
  #least = Infinity;
  /** The first of them. */
  readonly #kept: number[] = [];

  /** Takes in a confidence. One that is no finite number is passed over. */
  add(confidence: number): void {
    if (!Number.isFinite(confidence)) return;
    this.count++;
    this.#sum += confidence;
    if (confidence < this.#least) this.#least = confidence;
    if (this.#kept.length < MAX_KEPT) this.#kept.push(confidence);
  }

  /** What a tenth of the first 10,000 predictions are no surer than, by nearest rank; of up to ten, the least sure one. */
  get p10(): number | undefined {
    const sorted = Float64Array.from(this.#kept).toSorted();
    return sorted[Math.ceil(sorted.length / 10) - 1];
  }

  attributes(): Attributes {
    if (this.count === 0) return {};
    return {
      [ATTR_INFERENCE_PREDICTIONS]: this.count,
      [ATTR_CONFIDENCE_MIN]: this.#least,
      [ATTR_CONFIDENCE_MEAN]: this.#sum / this.count,
      [ATTR_CONFIDENCE_P10]: this.p10,
    };
  }
}
