import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ChainChecker } from '../../src/index.ts';
import type { ChainFinding } from '../../src/index.ts';
import { found, span, told } from './spans.ts';

const whole = { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8), startTimeUnixNano: '1', endTimeUnixNano: '2' };

/** What is said of a file with such spans in it. */
async function foundIn(...spans: readonly object[]): Promise<readonly ChainFinding[]> {
  const checker = new ChainChecker();
  await checker.read(Readable.from([JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })]));
  return checker.report().findings;
}

describe('bad-id', () => {
  it('says how many spans of a file were left out', async () => {
    expect(await foundIn(whole, { ...whole, spanId: 'draft' }, { ...whole, traceId: '0'.repeat(32) })).toMatchObject([
      {
        code: 'bad-id',
        severity: 'warning',
        count: 2,
        message:
          "2 spans were left out: the trace id is not 16 bytes, the span id or the parent's is not 8, or a time is none. What hangs from such a span has no parent",
      },
    ]);
  });

  it.each([
    { spanId: 'B2'.repeat(8) },
    { spanId: 'b2' },
    { traceId: 'a1' },
    { spanId: '0'.repeat(16) },
    { parentSpanId: 'the one before' },
  ])('is found of spans that were made by hand: %j', (wrong) => {
    expect(found([span('writer', 'plan'), span('writer', 'draft', { more: wrong })])).toMatchObject([
      { code: 'bad-id', count: 1 },
    ]);
  });

  describe('says nothing of', () => {
    it('ids in upper case, in base64 or in decimal, and no parent in any form', async () => {
      const forms = [
        { spanId: 'B2'.repeat(8) },
        { spanId: Buffer.alloc(8, 1).toString('base64'), traceId: Buffer.alloc(16, 1).toString('base64') },
        { spanId: '12345678901234567890' },
        { parentSpanId: '' },
        { parentSpanId: '0'.repeat(16) },
        { traceId: '0'.repeat(16) + 'a1'.repeat(8) },
      ];
      for (const form of forms) expect(await foundIn({ ...whole, ...form })).toEqual([]);
    });

    it('an end before the start', () => {
      expect(told([span('writer', 'plan', { lasts: -5 })])).toEqual([]);
    });
  });
});
