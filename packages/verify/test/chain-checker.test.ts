import { createReadStream, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChainChecker, checkChains, parseSpans } from '../src/index.ts';
import type { ChainReport } from '../src/index.ts';

const folder = join(import.meta.dirname, '../../../test/corpus/captures');
const files = globSync('*/spans.json', { cwd: folder }).map((file) => join(folder, file));

async function readAll(
  ...chunks: readonly (string | Uint8Array)[]
): Promise<ChainReport & { malformed?: string; rejected: number }> {
  const checker = new ChainChecker();
  const read = await checker.read(Readable.from(chunks, { objectMode: true }));
  return { ...checker.report(), ...read };
}

/** A report on what could be read: what was left out is known to who reads alone. */
function ofTheRest<R extends ChainReport>(report: R): R {
  return { ...report, findings: report.findings.filter(({ code }) => code !== 'bad-id') };
}

describe('a capture that is read as it comes is judged as one that is read whole', () => {
  it.each(files)('%s', async (file) => {
    const checker = new ChainChecker();
    // Chunks end in the midst of lines and of characters.
    const read = await checker.read(createReadStream(file, { highWaterMark: 997 }));
    const whole = parseSpans(readFileSync(file, 'utf8'));
    expect(read.rejected).toBe(whole.rejected);
    expect(read.malformed).toBe(whole.malformed);
    expect(ofTheRest(checker.report())).toEqual(checkChains(whole.spans));
  });

  it('whatever stands in the place of a value', async () => {
    const request = readFileSync(files.find((file) => file.includes('kafkajs-redelivered')) as string, 'utf8');
    const lines = request.split('\n').filter((line) => line !== '');
    const anything = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(
        'AAAAAAAAAAA=',
        '0'.repeat(16),
        'F'.repeat(16),
        '18446744073709551615',
        1e30,
        -1,
        '1e5',
        ' 12 ',
        5.5,
        '',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(), anything, fc.nat({ max: lines.length - 1 }), async (place, value, nth) => {
        let at = 0;
        const count = [...JSON.stringify(JSON.parse(lines[nth] as string)).matchAll(/":/g)].length;
        const changed = JSON.stringify(JSON.parse(lines[nth] as string), (key, old: unknown) =>
          key !== '' && at++ === place % count ? value : old,
        );
        const text = lines.with(nth, changed).join('\n');
        const whole = parseSpans(text);
        const read = await readAll(text);
        expect(read.rejected).toBe(whole.rejected);
        expect(read.malformed).toBe(whole.malformed);
        expect(ofTheRest(read)).toMatchObject(checkChains(whole.spans));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a capture of lines', () => {
  const line = (service: string, spanId: string): string =>
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
          scopeSpans: [
            {
              spans: [{ traceId: 'a'.repeat(32), spanId, name: 'work', startTimeUnixNano: '1', endTimeUnixNano: '2' }],
            },
          ],
        },
      ],
    });
  const a = line('ä', '1'.repeat(16));
  const b = line('b', '2'.repeat(16));

  it.each([
    ['with a newline at its end', `${a}\n${b}\n`],
    ['without one', `${a}\n${b}`],
    ['with empty ones', `\n${a}\n\n  \n${b}\n\n`],
    ['with the line ends of Windows', `${a}\r\n${b}\r\n`],
    ['with a byte order mark', `\uFEFF${a}\n${b}`],
  ])('%s', async (_, text) => {
    expect(await readAll(text)).toMatchObject({ spans: 2, services: ['b', 'ä'], rejected: 0 });
    const bytes = Buffer.from(text);
    const single = Array.from({ length: bytes.length }, (__, at) => bytes.subarray(at, at + 1));
    expect(await readAll(...single)).toMatchObject({ spans: 2, services: ['b', 'ä'], rejected: 0 });
  });

  it.each([
    ['first', `${a.slice(0, -9)}\n${b}\n`, 'line 1 is not JSON', ['b']],
    ['last', `${a}\n${b.slice(0, -9)}`, 'line 2 is not JSON', ['ä']],
    ['second', `${a}\nnothing\n${b}`, 'line 2 is not JSON', ['b', 'ä']],
  ])('of which the %s is cut short: the others are judged', async (_, text, malformed, services) => {
    expect(await readAll(text)).toMatchObject({ malformed, services });
  });

  it('and one value that is written over many', async () => {
    expect(await readAll(JSON.stringify(JSON.parse(a), undefined, 2))).toMatchObject({ spans: 1, rejected: 0 });
    expect((await readAll(JSON.stringify(JSON.parse(a), undefined, 2))).malformed).toBeUndefined();
    expect(await readAll(`[\n${a}\n`)).toMatchObject({ malformed: 'line 1 is not JSON', spans: 1 });
  });

  it('of nothing', async () => {
    expect(await readAll('')).toMatchObject({ verdict: 'empty', rejected: 0 });
    expect(await readAll('nonsense')).toMatchObject({ verdict: 'empty', malformed: 'the body is not JSON' });
  });

  it('passes on what its stream fails with, as it is', async () => {
    const failure = new Error('the disk is gone');
    const stream = new Readable({ read: () => undefined });
    const read = new ChainChecker().read(stream);
    stream.push(`${a}\n`);
    stream.destroy(failure);
    await expect(read).rejects.toBe(failure);
  });
});
