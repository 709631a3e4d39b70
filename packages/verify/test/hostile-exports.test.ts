import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { captures } from '../../../test/corpus/src/captures.ts';
import { formatOtlpJson, parseOtlpProtobuf, startCollector } from '../src/index.ts';
import type { Collector } from '../src/index.ts';
import { asProtobuf } from './written-as.ts';

const spans = (captures.find(({ name }) => name === 'http-restart-with-link')?.spans ?? []).slice(-5);
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
const bodies = [
  { type: JSON_TYPE, body: Buffer.from(formatOtlpJson(spans)) },
  { type: PROTOBUF_TYPE, body: Buffer.from(asProtobuf(spans)) },
] as const;

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector({ maxBodyBytes: 1024 * 1024 });
});
afterEach(() => collector.close());

/** Sends an export, and returns the status and what the answer says in the words of its encoding. */
async function send(body: Uint8Array, type: string, zipped: boolean): Promise<{ status: number; said: string }> {
  const response = await fetch(`${collector.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': type, ...(zipped ? { 'content-encoding': 'gzip' } : {}) },
    body: body as Uint8Array<ArrayBuffer>,
  });
  expect(response.headers.get('content-type')).toBe(type);
  const said = await response.text();
  // It answers in the encoding in which it was asked.
  if (type === JSON_TYPE) JSON.parse(said);
  return { status: response.status, said };
}

/** What came before costs nothing of what is sound. */
async function expectUp(): Promise<void> {
  const before = collector.spans().length;
  for (const { type, body } of bodies) expect((await send(body, type, false)).status).toBe(200);
  for (const { type, body } of bodies) expect((await send(gzipSync(body), type, true)).status).toBe(200);
  expect(collector.spans().length).toBe(before + 4 * spans.length);
}

const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });

it.each(bodies)(
  'any bytes as $type are answered, and what is sound is kept',
  { timeout: 60_000 },
  async ({ type, body }) => {
    await fc.assert(
      fc.asyncProperty(flips, fc.constantFrom('plain', 'within', 'without'), async (changes, how) => {
        const flipped = (bytes: Uint8Array): Buffer => {
          const copy = Buffer.from(bytes);
          for (const [at, byte] of changes) copy[at % copy.length] = byte;
          return copy;
        };
        // Within a body that is compressed, or in the bytes of the compression.
        const bytes =
          how === 'plain' ? flipped(body) : how === 'within' ? gzipSync(flipped(body)) : flipped(gzipSync(body));
        const [kept, lost, refused] = [collector.spans().length, collector.rejected(), collector.refused()];
        const { status } = await send(bytes, type, how !== 'plain');
        expect([200, 400, 413]).toContain(status);
        if (status === 200) expect(collector.spans().length + collector.rejected()).toBeGreaterThanOrEqual(kept + lost);
        else expect([collector.spans().length, collector.refused()]).toEqual([kept, refused + 1]);
      }),
      { numRuns: 150 },
    );
    await expectUp();
  },
);

it.each(bodies)('$type that was cut is refused, and nothing of it is kept', async ({ type, body }) => {
  const zipped = gzipSync(body);
  const kept = (): number => collector.spans().length;
  for (let at = 1; at < zipped.length; at += 11) {
    expect([at, (await send(zipped.subarray(0, at), type, true)).status]).toEqual([at, 400]);
  }
  for (let at = 1; at < body.length; at += 37) {
    const before = kept();
    const { status } = await send(body.subarray(0, at), type, false);
    // Protobuf may have been cut between two fields: what was whole by then is a request.
    const isWhole = type === PROTOBUF_TYPE && parseOtlpProtobuf(body.subarray(0, at)).malformed === undefined;
    expect([at, status]).toEqual([at, isWhole ? 200 : 400]);
    if (!isWhole) expect(kept()).toBe(before);
  }
  await expectUp();
});

it('a bomb is refused before it is there', async () => {
  // A gigabyte in a megabyte, in pieces that each unpack to 64 MiB: gzip allows them one after the other.
  const piece = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
  const bomb = Buffer.concat(Array.from({ length: 15 }, () => piece));
  for (const { type } of bodies) {
    const before = process.memoryUsage().rss;
    expect(await send(bomb, type, true)).toMatchObject({ status: 413 });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  }
  await expectUp();
});

it('spans that share an id are all kept: which of them is one is not for a collector to say', async () => {
  const twice = Buffer.from(formatOtlpJson([...spans, ...spans]));
  expect(await send(twice, JSON_TYPE, false)).toEqual({ status: 200, said: '{}' });
  expect(collector.spans()).toHaveLength(2 * spans.length);
});
