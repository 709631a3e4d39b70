import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent } from '@throughline/core/adapter';

const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('parseTraceparent (Trace Context Level 2, 3.2)', () => {
  it('reads version, ids and flags', () => {
    expect(parseTraceparent(valid)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      isRemote: true,
    });
  });

  it('masks flags to the two that are defined', () => {
    expect(parseTraceparent(`${valid.slice(0, 53)}ff`)?.traceFlags).toBe(3);
    expect(parseTraceparent(`${valid.slice(0, 53)}fc`)?.traceFlags).toBe(0);
  });

  it('ignores spaces and tabs around it, and nothing else', () => {
    expect(parseTraceparent(`\t ${valid} \t`)?.spanId).toBe('b7ad6b7169203331');
    expect(parseTraceparent(`\n${valid}`)).toBeUndefined();
    expect(parseTraceparent(`${valid}\r\n`)).toBeUndefined();
  });

  it('gives a span context of its own each time, also for the same text', () => {
    const first = parseTraceparent(valid);
    if (first === undefined) throw new Error('it is valid');
    first.traceId = 'changed';
    first.traceFlags = 0;
    expect(parseTraceparent(valid)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      isRemote: true,
    });
  });

  it('lets a later version carry more after a hyphen, but not version 00 and not ff', () => {
    expect(parseTraceparent(`cc${valid.slice(2)}-what-comes`)?.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(parseTraceparent(`cc${valid.slice(2)}.what-comes`)).toBeUndefined();
    expect(parseTraceparent(`${valid}-what-comes`)).toBeUndefined();
    expect(parseTraceparent(`ff${valid.slice(2)}`)).toBeUndefined();
  });

  it.each([
    ['upper case', valid.toUpperCase()],
    ['zero trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['zero parent id', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
    ['three-digit flags', `${valid}0`],
    ['two joined by a comma', `${valid}, ${valid}`],
    ['too short', valid.slice(0, 54)],
  ])('refuses %s', (_case, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it('is total: anything of any type gives a valid span context or undefined', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ maxLength: 80 }), mutated(valid)), (input) => {
        const spanContext = parseTraceparent(input);
        if (spanContext === undefined) return;
        expect(spanContext.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
        expect(spanContext.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        expect(spanContext.traceFlags & ~3).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('formatTraceparent', () => {
  it('writes version 00 and defined flags alone, whatever it has just read', () => {
    for (const read of [`cc${valid.slice(2)}-what-comes`, `\t${valid}`, `${valid.slice(0, 53)}fd`]) {
      expect(formatTraceparent(parseTraceparent(read)), read).toBe(valid);
    }
  });

  it('tells spans apart that differ in one field', () => {
    const written = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
    expect(formatTraceparent(written)).toBe(valid);
    expect(formatTraceparent({ ...written, traceFlags: 0 })).toBe(`${valid.slice(0, 53)}00`);
    expect(formatTraceparent({ ...written, spanId: '00f067aa0ba902b7' })).toContain('00f067aa0ba902b7');
    expect(formatTraceparent({ ...written, traceId: '4bf92f3577b34da6a3ce929d0e0e4736' })).toContain('4bf92f35');
    expect(formatTraceparent({ ...written, spanId: '' })).toBeUndefined();
  });

  it('round-trips every valid span context', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, traceFlags) => {
        const spanContext = { traceId, spanId, traceFlags };
        expect(parseTraceparent(formatTraceparent(spanContext))).toEqual({ ...spanContext, isRemote: true });
      }),
    );
  });

  it('never writes an undefined flag, which would make three digits of two', () => {
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    expect(formatTraceparent({ ...ids, traceFlags: 0xff })).toBe(`00-${ids.traceId}-${ids.spanId}-03`);
    expect(formatTraceparent({ ...ids, traceFlags: -1 })).toBe(`00-${ids.traceId}-${ids.spanId}-03`);
  });

  it('is total: anything of any type gives a valid field or undefined', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const text = formatTraceparent(input as never);
        if (text !== undefined) expect(parseTraceparent(text)).toBeDefined();
      }),
    );
  });
});

function hex(length: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[1-9a-f]/.test(text));
}

function mutated(text: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(text.length), fc.string({ maxLength: 2 }))
    .map(([at, piece]) => text.slice(0, at) + piece + text.slice(at + 1));
}
