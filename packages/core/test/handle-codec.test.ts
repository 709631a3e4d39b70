import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHandle, MAX_HANDLE, parseHandle } from '../src/resume/handle-codec.ts';
import type { HandleFields } from '../src/resume/handle-codec.ts';
import { formatLineage } from '../src/lineage/codec.ts';
import { parseTracestate } from '../src/w3c/tracestate.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const saved: HandleFields = {
  savedAt: 1_763_740_800_000,
  traceparent: TRACEPARENT,
  tracestate: undefined,
  lineage: '1.2.32.1.-.-.9kp2xa~1y',
};

const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
    .filter((text) => !/^0+$/.test(text));
const whole = (max: number) => fc.integer({ min: 0, max });
const hash = fc.stringMatching(/^[0-9a-z]{1,7}$/);
const handles: fc.Arbitrary<HandleFields> = fc.record({
  savedAt: fc.integer({ min: 0, max: 36 ** 9 - 1 }),
  traceparent: fc.tuple(hex(32), hex(16), whole(3)).map(([trace, span, flags]) => `00-${trace}-${span}-0${flags}`),
  tracestate: fc.option(
    fc
      .uniqueArray(
        fc.tuple(fc.stringMatching(/^[a-z][a-z0-9_*/-]{0,30}$/), fc.stringMatching(/^[!-+.-<>-~]{1,200}$/)),
        {
          minLength: 1,
          maxLength: 32,
          selector: ([key]) => key,
        },
      )
      .map((members) => members.map((member) => member.join('=')).join(',')),
    { nil: undefined },
  ),
  lineage: fc.option(
    fc
      .record({
        hops: whole(999_999_999),
        maxHops: whole(999_999_999),
        attempt: fc.integer({ min: 1, max: 999_999_999 }),
        deadline: fc.option(fc.integer({ min: 0, max: 36 ** 9 - 1 }), { nil: undefined }),
        budget: fc.option(whole(999_999_999), { nil: undefined }),
        tokens: fc.option(whole(999_999_999), { nil: undefined }),
        cost: fc.option(whole(999_999_999_999_999), { nil: undefined }),
        path: fc.array(hash, { maxLength: 8 }).map((hashes) => hashes.join('~')),
      })
      .map(formatLineage),
    { nil: undefined },
  ),
});

describe('a handle', () => {
  it('reads as it is drawn in the docstring, and in some 110 characters', () => {
    const text = formatHandle(saved);
    expect(text).toBe(`tl1~mi91qf40~${TRACEPARENT}~-~1.2.32.1.-.-.9kp2xa~1y`);
    expect(text.length).toBeLessThan(110);
    expect(parseHandle(text)).toEqual(saved);
  });

  it('round-trips, needs no escaping in a URL, and is at most 1024 characters', () => {
    fc.assert(
      fc.property(handles, (fields) => {
        const text = formatHandle(fields);
        expect(text).toMatch(/^[\w.~-]+$/);
        expect(encodeURIComponent(text)).toBe(text);
        expect(text.length).toBeLessThanOrEqual(MAX_HANDLE);
        const { tracestate, ...rest } = parseHandle(text) ?? {};
        const { tracestate: given, ...others } = fields;
        expect(rest).toEqual(others);
        if (given !== undefined && given.length <= 512) expect(tracestate).toBe(given);
      }),
    );
  });

  it('is at most 1024 characters with every part at its largest', () => {
    const lineage = `1.999999999.999999999.999999999.zzzzzzzzz.999999999.${Array(8).fill('zzzzzzz').join('~')}`;
    const tracestate = Array.from({ length: 32 }, (_, at) => `key${at}=${'v'.repeat(250)}`).join(',');
    const text = formatHandle({ savedAt: 36 ** 9 - 1, traceparent: TRACEPARENT, tracestate, lineage });
    expect(text.length).toBeLessThanOrEqual(MAX_HANDLE);
    const small = Array.from({ length: 32 }, (_, at) => `key${at}=${'v'.repeat(40)}`).join(',');
    const full = formatHandle({ savedAt: 36 ** 9 - 1, traceparent: TRACEPARENT, tracestate: small, lineage });
    expect(full.length).toBeGreaterThan(850);
    expect(full.length).toBeLessThanOrEqual(MAX_HANDLE);
    expect(parseHandle(full)?.lineage).toBe(lineage);
  });

  it('loses whole members of a tracestate past 512 bytes: large ones first, then the oldest', () => {
    const small = Array.from({ length: 20 }, (_, at) => `s${at}=${'v'.repeat(20)}`);
    const given = ['ot=th:8', `large=${'v'.repeat(200)}`, ...small].join(',');
    const { tracestate } = parseHandle(formatHandle({ ...saved, tracestate: given })) ?? {};
    expect(tracestate).toBe(['ot=th:8', ...small.slice(0, 20)].join(',').slice(0, tracestate?.length));
    expect(tracestate?.startsWith('ot=th:8,s0=')).toBe(true);
    expect(tracestate).not.toContain('large');
    expect(tracestate?.length).toBeLessThanOrEqual(512);
    expect(tracestate?.length).toBeGreaterThan(480);
    expect(parseTracestate(tracestate)?.serialize()).toBe(tracestate);
  });

  it('says so where there is no trace', () => {
    const empty = { savedAt: 5, traceparent: undefined, tracestate: undefined, lineage: undefined };
    expect(formatHandle(empty)).toBe('tl1~5~-~-~-');
    expect(parseHandle('tl1~5~-~-~-')).toEqual(empty);
    // A tracestate goes with a traceparent alone.
    expect(formatHandle({ ...empty, tracestate: 'a=1' })).toBe('tl1~5~-~-~-');
  });

  it('is read from a column that fills up with blanks', () => {
    expect(parseHandle(`${formatHandle(saved)}${' '.repeat(100)}`)).toEqual(saved);
  });

  it.each([
    ['of a later version', `tl2~mi91qf40~${TRACEPARENT}~-~-`],
    ['cut off', formatHandle(saved).slice(0, 64)],
    ['cut off before the lineage', `tl1~mi91qf40~${TRACEPARENT}~-`],
    ['with an invalid traceparent', `tl1~mi91qf40~${TRACEPARENT.replace('0af', '0AF')}~-~-`],
    ['with a moment that is none', `tl1~-1~${TRACEPARENT}~-~-`],
    ['with a moment too long', `tl1~zzzzzzzzzz~${TRACEPARENT}~-~-`],
    ['with a lineage that is none', `tl1~mi91qf40~${TRACEPARENT}~-~1.2.3`],
    ['with a tracestate that is no base64', `tl1~mi91qf40~${TRACEPARENT}~a~-`],
    [
      'with a tracestate of control characters',
      `tl1~mi91qf40~${TRACEPARENT}~${btoa('a=\r\nx: 1').replaceAll('=', '')}~-`,
    ],
    ['with a tracestate and no traceparent', `tl1~mi91qf40~-~${btoa('a=1').replaceAll('=', '')}~-`],
    ['too long', `${formatHandle(saved)}${'~1'.repeat(600)}`],
    ['too long, though what follows is blank', `${formatHandle(saved)}${' '.repeat(1000)}`],
    ['empty', ''],
  ])('is not read %s', (_, text) => {
    expect(parseHandle(text)).toBeUndefined();
  });

  it('is read totally: any value, any text, any change of a handle gives valid parts or nothing', () => {
    const check = (text: unknown): void => {
      const read = parseHandle(text);
      if (read === undefined) return;
      expect(Number.isSafeInteger(read.savedAt)).toBe(true);
      // What was read is what can be written.
      expect(parseHandle(formatHandle(read))).toEqual(read);
    };
    fc.assert(fc.property(fc.anything(), check));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (tail) => check(`tl1~${tail}`)));
    fc.assert(
      fc.property(handles, fc.nat(), fc.string({ maxLength: 3 }), fc.nat({ max: 3 }), (fields, at, insert, drop) => {
        const text = formatHandle(fields);
        const place = at % (text.length + 1);
        check(text.slice(0, place) + insert + text.slice(place + drop));
      }),
    );
  });
});
