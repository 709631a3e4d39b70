import type { Outcome } from '@throughline/core/adapter';
import { failedCallBehind } from './failed-call.ts';
import type { Ending } from './follow-stream.ts';
import { ATTR_STREAM_ENDED } from './own-names.ts';

/** Returns how a step came out that was followed to its end. A reader that goes early is no failure; a forgotten stream is marked so. */
export function endingOutcome(ending: Ending): Outcome {
  switch (ending.how) {
    case 'failed':
      // Of a call of a model that failed below, by its own class.
      return { failed: true, error: ending.error, errorType: failedCallBehind(ending.error)?.errorType };
    case 'done':
      return {};
    case 'left':
    case 'aborted':
    case 'abandoned':
      return { attributes: { [ATTR_STREAM_ENDED]: ending.how } };
  }
}
