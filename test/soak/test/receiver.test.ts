import { describe, expect, it } from 'vitest';
import { faultsOf, latenessOf } from '../../../bench/src/receiver/faults.ts';
import { BATCH, underLoad } from '../../../bench/src/receiver/load.ts';

describe('a collector at 20,000 spans a second', { timeout: 120_000 }, () => {
  it('answers every export, keeps what it may, tells senders of the rest, and does not grow', async () => {
    const outcome = await underLoad({ spansPerSecond: 20_000, seconds: 5, collector: { maxSpans: 20_000 } });
    expect(faultsOf(outcome)).toEqual([]);
    expect(outcome.held).toMatchObject({ spans: 20_000, rejected: 80_000, refused: 0 });
  });

  it('is not said to hold where it loses spans, grows or is slow', async () => {
    const outcome = await underLoad({ spansPerSecond: 20_000, seconds: 0.2, collector: { maxSpans: 1000 } });
    expect(outcome.sent).toBe(8 * BATCH);
    const held = { ...outcome.held, memory: 0 };
    const growing = Array.from({ length: 9 }, (_, nth) => ({ ...held, memory: nth * 50_000_000 }));
    const wrong = { ...outcome, sent: 1, rejected: 1, samples: growing, statuses: new Map([[503, 1]]) };
    expect(faultsOf(wrong)).toEqual([
      'exports were answered with 503',
      'of 1 spans 1000 are kept and 3000 rejected',
      '3000 were rejected, and senders were told of 1',
      'its memory grew from 50 MB to 350 MB while it was full',
    ]);
    expect(faultsOf({ ...outcome, samples: [] })).toEqual([
      'it was never seen to be full: send more, or lower its limit',
    ]);
    expect(latenessOf({ ...outcome, sent: 100, seconds: 1, waits: [5000] }, 200)).toEqual([
      'one export of a hundred waited for 5000 ms',
      'it took 100 spans a second',
    ]);
  });
});
