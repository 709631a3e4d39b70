import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captures } from '../../../test/corpus/src/captures.ts';
import { ChainChecker, checkChains, formatOtlpJson, parseOtlpProtobuf, parseSpans, renderTree } from '../src/index.ts';
import type { CollectedSpan } from '../src/index.ts';
import { asJaeger, asProtobuf, asZipkin } from './written-as.ts';

const capture = captures.find(({ name }) => name === 'http-restart-with-link');
// Those of every kind, and with links.
const whole = (capture?.spans ?? []).filter(({ kind, links }) => kind !== 'INTERNAL' || links.length > 0).slice(-5);
const formats = {
  'OTLP, one object': formatOtlpJson(whole),
  'OTLP, one object a line': whole.map((span) => formatOtlpJson([span])).join('\n'),
  Jaeger: asJaeger(whole),
  Zipkin: asZipkin(whole),
} as const;
const byFormat = Object.entries(formats).map(([name, text]) => [name, Buffer.from(text)] as const);

const idsOf = (spans: readonly CollectedSpan[]): string[] => spans.map(({ spanId }) => spanId).sort();

/** Whatever came, spans are spans, and can be judged, drawn and written. */
function expectSpans(spans: readonly CollectedSpan[]): void {
  for (const span of spans) {
    expect(span.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
    expect(span.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
    expect([typeof span.startTimeUnixNano, typeof span.endTimeUnixNano, typeof span.name]).toEqual([
      'bigint',
      'bigint',
      'string',
    ]);
    expect(['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']).toContain(span.kind);
  }
  const report = checkChains(spans);
  expect(renderTree(report)).not.toMatch(/[^\P{C}\n]/u);
  for (const { message } of report.findings) expect(message).not.toMatch(/\p{C}/u);
  expect(idsOf(parseSpans(formatOtlpJson(spans)).spans)).toEqual(idsOf(spans));
}

/** The two ways to read a file say the same. */
async function expectSame(bytes: Buffer): Promise<void> {
  const parsed = parseSpans(bytes.toString('utf8'));
  const checker = new ChainChecker();
  const at = Math.floor(bytes.length / 3);
  const chunks = async function* () {
    yield bytes.subarray(0, at);
    yield bytes.subarray(at);
  };
  const { rejected, malformed } = await checker.read(chunks());
  expect([rejected, malformed === undefined]).toEqual([parsed.rejected, parsed.malformed === undefined]);
  const { findings, ...rest } = checker.report();
  const expected = checkChains(parsed.spans);
  // Spans alone do not say how many were left out.
  expect(findings.filter(({ code }) => code !== 'bad-id')).toEqual(expected.findings);
  expect([rest.verdict, rest.spans, rest.services]).toEqual([expected.verdict, expected.spans, expected.services]);
}

const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });
function flipped(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return copy;
}

describe.each(byFormat)('a file of %s', (_, bytes) => {
  it('is read whole', async () => {
    const { spans, rejected, malformed } = parseSpans(bytes.toString('utf8'));
    expect([idsOf(spans), rejected, malformed]).toEqual([idsOf(whole), 0, undefined]);
    await expectSame(bytes);
  });

  it('keeps its whole lines wherever it is cut, and says that it was', async () => {
    const text = bytes.toString('utf8');
    for (let at = 0; at < bytes.length; at++) {
      const start = bytes.subarray(0, at).toString('utf8');
      const { spans, malformed } = parseSpans(start);
      const lines = start.split('\n').length - 1;
      // The last line may be there to its end, without it.
      const isEnd = at > 0 && (text[at] === '\n' || start.endsWith('\n'));
      expect([at, spans.length >= lines, at === 0 || isEnd === (malformed === undefined)]).toEqual([at, true, true]);
      if (at % 97 === 0) await expectSame(bytes.subarray(0, at));
    }
  });

  it('may have any bytes in it', async () => {
    await fc.assert(
      fc.asyncProperty(flips, async (changes) => {
        const changed = flipped(bytes, changes);
        expectSpans(parseSpans(changed.toString('utf8')).spans);
        await expectSame(changed);
      }),
      { numRuns: 100 },
    );
  });

  it('may hold any value in any place', async () => {
    const lines = bytes.toString('utf8').split('\n');
    const places = lines.flatMap((line, nth) =>
      pathsOf(JSON.parse(line))
        .filter(({ length }) => length > 0)
        .map((path) => ({ nth, path })),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.oneof(fc.jsonValue(), wrongTypes), async (at, value) => {
        const { nth, path } = places[at % places.length] as (typeof places)[number];
        const changed = lines.map((line, other) =>
          other === nth ? JSON.stringify(put(JSON.parse(line), path, value)) : line,
        );
        const text = changed.join('\n');
        expectSpans(parseSpans(text).spans);
        await expectSame(Buffer.from(text));
      }),
      { numRuns: 150 },
    );
  });
});

const wrongTypes = fc.constantFrom<unknown>(
  null,
  [],
  {},
  '',
  'x',
  -1,
  1.5,
  1e300,
  true,
  '18446744073709551616',
  '-1',
  '0x10',
  'AAAAAAAAAAE=',
  { stringValue: 1 },
  { intValue: '9'.repeat(40) },
  { arrayValue: { values: [{ arrayValue: {} }] } },
  { __proto__: null },
  '\u0000',
  '\ud800',
);

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

function put(into: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const holder = into as Record<string, unknown>;
  holder[key] = put(holder[key], rest, value);
  return into;
}

describe('protobuf', () => {
  const bytes = asProtobuf(whole);

  it('is read whole', () => {
    const { spans, rejected, malformed } = parseOtlpProtobuf(bytes);
    expect([idsOf(spans), rejected, malformed]).toEqual([idsOf(whole), 0, undefined]);
  });

  it('that was cut says so, or ends between two fields', () => {
    for (let at = 0; at < bytes.length; at++) {
      const { spans, malformed } = parseOtlpProtobuf(bytes.subarray(0, at));
      if (malformed === undefined) expect(spans.length).toBeLessThan(whole.length);
      else expect([malformed, spans]).toEqual([expect.stringMatching(/\S/), []]);
    }
  });

  it('may have any bytes in it', () => {
    fc.assert(
      fc.property(flips, (changes) => expectSpans(parseOtlpProtobuf(flipped(bytes, changes)).spans)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (random) => expectSpans(parseOtlpProtobuf(random).spans)),
      { numRuns: 500 },
    );
  });
});
