import type { Outcome } from '@throughline/core/adapter';
import type { Ending } from './follow-stream.ts';
import { ATTR_STREAM_ENDED } from './own-names.ts';

/** Returns how a step came out that was followed to its end. A reader that goes early is no failure; a forgotten stream is marked so. */
export function endingOutcome(ending: Ending): Outcome {
  switch (ending.how) {
    case 'failed':
      return { failed: true, error: ending.error };
    case 'done':
      return {};
    case 'left':
    case 'aborted':
    case 'abandoned':
      return { attributes: { [ATTR_STREAM_ENDED]: ending.how } };
  }
}
