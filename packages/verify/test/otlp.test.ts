import { describe, expect, test } from 'vitest';
import { type ParsedSpans, parseOtlpJson, parseOtlpProtobuf } from '../src/index.ts';

const VALID = {
  traceId: '0AF7651916CD43DD8448EB211C80319C',
  spanId: 'B7AD6B7169203331',
  parentSpanId: '',
  name: 'plan',
  kind: 2,
  startTimeUnixNano: '1700000000000000001',
  endTimeUnixNano: 1_700_000_000,
};

function request(...spans: unknown[]): { resourceSpans: unknown[] } {
  return { resourceSpans: [{ scopeSpans: [{ spans }] }] };
}

/** Returns a generator of the same numbers below `bound` in each run (mulberry32). */
function seeded(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

function expectWellFormed({ spans, rejected }: ParsedSpans): void {
  expect(rejected).toBeGreaterThanOrEqual(0);
  for (const span of spans) {
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(typeof span.startTimeUnixNano).toBe('bigint');
  }
}

describe('OTLP JSON', () => {
  test('ids are lowercased, times keep every nanosecond, and an empty parent is none', () => {
    const { spans } = parseOtlpJson(request(VALID));
    expect(spans[0]).toMatchObject({
      traceId: VALID.traceId.toLowerCase(),
      spanId: VALID.spanId.toLowerCase(),
      kind: 'SERVER',
      service: 'unknown_service',
      startTimeUnixNano: 1_700_000_000_000_000_001n,
      endTimeUnixNano: 1_700_000_000n,
    });
    expect(spans[0]).not.toHaveProperty('parentSpanId');
  });

  test.each([
    [0x101, false],
    [0x301, true],
    [0x201, undefined],
    [undefined, undefined],
  ])('flags %s say whether the parent is remote: %s', (flags, remote) => {
    const { spans } = parseOtlpJson(request({ ...VALID, parentSpanId: '00f067aa0ba902b7', flags }));
    expect(spans[0]?.parentIsRemote).toBe(remote);
  });

  test('a file with one object a line is read, with metrics and empty lines between', () => {
    const line = JSON.stringify(request(VALID));
    const parsed = parseOtlpJson(`\uFEFF${line}\r\n\n{"resourceMetrics":[]}\n${line}\n`);
    expect(parsed.spans).toHaveLength(2);
    expect(parsed).not.toHaveProperty('malformed');
  });

  test('a line that is cut short is named, and the others are kept', () => {
    const line = JSON.stringify(request(VALID));
    const parsed = parseOtlpJson(`${line}\n${line.slice(0, 50)}`);
    expect(parsed.spans).toHaveLength(1);
    expect(parsed.malformed).toBe('line 2 is not JSON');
  });

  test.each([
    { traceId: '0'.repeat(32) },
    { traceId: 'abc' },
    { traceId: 7 },
    { spanId: '0'.repeat(16) },
    { spanId: undefined },
    { parentSpanId: 'xyz' },
    { parentSpanId: {} },
    { startTimeUnixNano: 'yesterday' },
    { startTimeUnixNano: -1 },
    { endTimeUnixNano: '9'.repeat(400) },
  ])('a span with %o is rejected and counted', (wrong) => {
    const parsed = parseOtlpJson(request(VALID, { ...VALID, ...wrong }, null, []));
    expect([parsed.spans.length, parsed.rejected]).toEqual([1, 3]);
  });

  test('attributes of every type are read, and __proto__ is a key like any other', () => {
    const attributes = [
      { key: '__proto__', value: { stringValue: 'harmless' } },
      { key: 'big', value: { intValue: '9007199254740993' } },
      { key: 'small', value: { intValue: '-7' } },
      { key: 'nan', value: { doubleValue: 'NaN' } },
      { key: 'bytes', value: { bytesValue: 'AAE=' } },
      { key: 'map', value: { kvlistValue: { values: [{ key: 'a', value: { boolValue: false } }] } } },
      { key: 'wrong', value: { intValue: 'seven' } },
      { key: 'empty', value: {} },
      { key: 7, value: { stringValue: 'no key' } },
    ];
    const read = parseOtlpJson(request({ ...VALID, attributes })).spans[0]?.attributes ?? {};
    expect(Object.entries(read)).toEqual([
      ['__proto__', 'harmless'],
      ['big', 9_007_199_254_740_993n],
      ['small', -7],
      ['nan', Number.NaN],
      ['bytes', 'AAE='],
      ['map', { a: false }],
      ['wrong', null],
      ['empty', null],
    ]);
    expect(({} as { harmless?: unknown }).harmless).toBeUndefined();
  });

  test('attributes nested beyond reason are cut', () => {
    let value: object = { stringValue: 'bottom' };
    for (let depth = 0; depth < 50_000; depth++) value = { arrayValue: { values: [value] } };
    const { spans } = parseOtlpJson(request({ ...VALID, attributes: [{ key: 'deep', value }] }));
    expect(JSON.stringify(spans[0]?.attributes).length).toBeLessThan(100);
  });

  test.each([
    [undefined],
    [null],
    [7],
    [[]],
    [''],
    ['nonsense'],
    ['['.repeat(200_000)],
    [{ resourceSpans: 7 }],
    [{ resourceSpans: [null, 7, { scopeSpans: {} }, { scopeSpans: [null, { spans: 'x' }] }] }],
    [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('trap');
          },
        },
      ),
    ],
  ])('anything else gives no span and never throws: case %#', (input) => {
    expect(parseOtlpJson(input).spans).toEqual([]);
  });

  test('a valid text with random changes never throws', () => {
    const random = seeded(1);
    const text = JSON.stringify(request({ ...VALID, attributes: [{ key: 'a', value: { intValue: 1 } }], links: [{}] }));
    for (let run = 0; run < 2_000; run++) {
      const at = random(text.length);
      const changed = text.slice(0, at) + String.fromCharCode(32 + random(96)) + text.slice(at + random(3));
      expectWellFormed(parseOtlpJson(changed));
    }
  });
});

describe('OTLP protobuf', () => {
  const field = (number: number, wireType: number, ...bytes: number[]): number[] => [
    (number << 3) | wireType,
    ...bytes,
  ];
  const nested = (number: number, bytes: number[]): number[] => {
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
    return field(number, 2, ...length, ...bytes);
  };
  const traceId = Array.from(Buffer.from(VALID.traceId, 'hex'));
  const ids = [...nested(1, traceId), ...nested(2, traceId.slice(0, 8))];
  const bodyOf = (...span: number[]): Uint8Array => Uint8Array.from(nested(1, nested(2, nested(2, [...ids, ...span]))));

  test('an empty body is an empty request', () => {
    expect(parseOtlpProtobuf(new Uint8Array())).toEqual({ spans: [], rejected: 0 });
  });

  test('fields that are unknown, or of another wire type, are skipped', () => {
    const unknown = [
      ...field(20, 0, 0x01).slice(0, 0),
      0xa0,
      0x06,
      0x96,
      0x01, // field 100, varint
      0xa1,
      0x06,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8, // field 100, 64 bits
      0xa5,
      0x06,
      1,
      2,
      3,
      4, // field 100, 32 bits
      0xa2,
      0x06,
      2,
      9,
      9, // field 100, length-delimited
      ...field(5, 0, 7), // the name as a number
    ];
    const { spans } = parseOtlpProtobuf(bodyOf(...unknown, ...nested(5, [0x68, 0x69])));
    expect(spans[0]).toMatchObject({ name: 'hi', traceId: VALID.traceId.toLowerCase() });
  });

  test('integers keep their sign and all 64 bits', () => {
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const past53Bits = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    const attribute = (key: string, integer: number[]): number[] =>
      nested(9, [...nested(1, Array.from(Buffer.from(key))), ...nested(2, field(3, 0, ...integer))]);
    const { spans } = parseOtlpProtobuf(bodyOf(...attribute('a', minusOne), ...attribute('b', past53Bits)));
    expect(spans[0]?.attributes).toEqual({ a: -1, b: 2n ** 53n + 1n });
  });

  test('values that are 0, false or empty are there', () => {
    const attribute = (key: string, value: number[]): number[] =>
      nested(9, [...nested(1, Array.from(Buffer.from(key))), ...nested(2, value)]);
    const { spans } = parseOtlpProtobuf(
      bodyOf(
        ...attribute('text', nested(1, [])),
        ...attribute('boolean', field(2, 0, 0)),
        ...attribute('integer', field(3, 0, 0)),
        ...attribute('double', field(4, 1, 0, 0, 0, 0, 0, 0, 0, 0)),
        ...attribute('list', nested(5, [])),
      ),
    );
    expect(spans[0]?.attributes).toEqual({ text: '', boolean: false, integer: 0, double: 0, list: [] });
  });

  test.each([
    ['a length past the end', [0x0a, 0x7f], 'index out of range'],
    ['an inner length past its message', [0x0a, 0x02, 0x12, 0x05, 0, 0, 0, 0, 0], 'index out of range'],
    ['a fixed field that ends early', [0x09, 1, 2], 'index out of range'],
    ['a number without an end', Array.from({ length: 11 }, () => 0xff), 'invalid tag encoding'],
    ['field number 0', [0x00], 'field number 0'],
    ['a group without an end', [0x0b], 'index out of range'],
  ])('%s makes the body malformed', (_, bytes, malformed) => {
    expect(parseOtlpProtobuf(Uint8Array.from(bytes))).toEqual({
      spans: [],
      rejected: 0,
      malformed: expect.stringMatching(`^the body is no OTLP in protobuf: .*${malformed}`),
    });
  });

  test('messages nested beyond reason, or too many of them, make the body malformed', () => {
    let value = nested(1, [0x78]);
    for (let depth = 0; depth < 60; depth++) value = nested(5, nested(1, value));
    const attribute = nested(9, [...nested(1, [0x61]), ...nested(2, value)]);
    expect(parseOtlpProtobuf(bodyOf(...attribute)).malformed).toMatch(/max depth exceeded/);
    const many = new Uint8Array(4_200_000).map((_, index) => (index % 2 === 0 ? 0x0a : 0));
    expect(parseOtlpProtobuf(many).malformed).toMatch(/more than 1000000 messages/);
  });

  test('random bytes, and valid bodies with random changes, never throw', () => {
    const random = seeded(2);
    const valid = bodyOf(
      ...nested(5, [0x68, 0x69]),
      ...nested(9, [...nested(1, [0x61]), ...nested(2, field(2, 0, 1))]),
    );
    for (let run = 0; run < 5_000; run++) {
      const bytes = run % 2 === 0 ? Uint8Array.from({ length: random(80) }, () => random(256)) : valid.slice();
      if (run % 2 === 1) for (let change = 0; change <= random(3); change++) bytes[random(bytes.length)] = random(256);
      expectWellFormed(parseOtlpProtobuf(bytes.subarray(0, run % 7 === 0 ? random(bytes.length + 1) : undefined)));
    }
  });
});
