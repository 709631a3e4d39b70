import { Readable } from 'node:stream';
import { SpanKind, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { withAttempt } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runAgent, runRetrieval, runTool } from '../src/index.ts';
import type { RunRetrievalOptions } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => (telemetry = startTelemetry()));
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const HOUR = 3_600_000;
const ago = (hours: number): Date => new Date(Date.now() - hours * HOUR);
const request = { source: 'handbook', topK: 5, query: 'my secret' };
const attributesOf = (name = 'retrieval') => telemetry.find(name).attributes;
const signalsOf = (): unknown[] =>
  telemetry.find('retrieval').events.map(({ attributes }) => attributes?.['throughline.signal.kind']);
const hours = (name: 'oldest' | 'newest'): number =>
  Math.round((attributesOf()[`throughline.retrieval.age.${name}`] as number) / 3600);

describe('a retrieval', () => {
  it('is a span that says what was asked, how much came back and how old it is', async () => {
    const documents = [{ updatedAt: ago(2) }, { updatedAt: ago(30).toISOString() }, { text: 'hidden' }];
    const seen = await runRetrieval(
      { ...request, model: 'embed-3', provider: 'pinecone', serverAddress: 'db', serverPort: 1 },
      async () => (await Promise.resolve(), [trace.getActiveSpan()?.spanContext().spanId, documents][1]),
    );
    expect(seen).toBe(documents);
    const { kind, attributes } = telemetry.find('retrieval');
    expect(kind).toBe(SpanKind.INTERNAL);
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'retrieval',
      'gen_ai.data_source.id': 'handbook',
      'gen_ai.retrieval.top_k': 5,
      'gen_ai.request.model': 'embed-3',
      'gen_ai.provider.name': 'pinecone',
      'server.address': 'db',
      'server.port': 1,
      'throughline.retrieval.count': 3,
      'throughline.retrieval.undated': 1,
    });
    expect([hours('oldest'), hours('newest')]).toEqual([30, 2]);
    expect(signalsOf()).toEqual([]);
    expect(JSON.stringify(attributes)).not.toMatch(/secret|hidden/);
  });

  it('has the older name of `top_k` on request', () => {
    runRetrieval(request, { conventions: 'v1.41.0' }, () => []);
    expect(attributesOf('retrieval handbook')['gen_ai.request.top_k']).toBe(5);
  });

  it.each<[string, object]>([
    ['its `timestamp` in milliseconds', { timestamp: ago(7).getTime() }],
    ['its `timestamp` in seconds', { timestamp: ago(7).getTime() / 1000 }],
    ['its `updated_at`', { updated_at: ago(7).toISOString() }],
    ['its metadata', { metadata: { updatedAt: ago(7) } }],
    ['its payload', { id: 1, payload: { lastModified: ago(7).toUTCString() } }],
  ])('reads the age of a document from %s', (_, document) => {
    runRetrieval(request, () => [document]);
    expect(hours('oldest')).toBe(7);
  });

  it('reads the age as it is told to, and what is from the future is new', () => {
    runRetrieval(request, { updatedAt: (document) => (document as { at: Date }).at }, () => [
      { at: ago(3) },
      { at: ago(-3) },
    ]);
    expect([hours('oldest'), hours('newest')]).toEqual([3, 0]);
  });

  it.each<[unknown, number | undefined]>([
    [{ matches: [1, 2] }, 2],
    [{ hits: { hits: [1] } }, 1],
    [null, 0],
    [{ documents: [] }, 0],
    [{ answer: 42 }, undefined],
    [undefined, undefined],
    ['text', undefined],
  ])('counts the documents of %j: %s', (result, count) => {
    runRetrieval(request, () => result);
    expect(attributesOf()['throughline.retrieval.count']).toBe(count);
    expect(signalsOf()).toEqual(count === 0 ? ['empty_retrieval'] : []);
  });

  it('finds documents as it is told to', () => {
    const documents = (result: unknown) => (result as Map<string, object>).values();
    runRetrieval(request, { documents }, () => new Map([['a', {}]]));
    expect(attributesOf()['throughline.retrieval.count']).toBe(1);
  });

  it('signals what is stale, with the age of the oldest', async () => {
    const documents = [{ updatedAt: ago(1) }, { updatedAt: ago(50) }];
    runRetrieval(request, { maxAgeMs: 24 * HOUR }, () => documents);
    const [event] = telemetry.find('retrieval').events;
    expect(event?.attributes).toMatchObject({
      'throughline.signal.kind': 'stale_retrieval',
      'throughline.signal.value': attributesOf()['throughline.retrieval.age.oldest'],
      'throughline.retrieval.stale': 1,
    });
    await telemetry.reset();
    runRetrieval(request, { maxAgeMs: 60 * HOUR }, () => documents);
    expect(signalsOf()).toEqual([]);
  });

  it('counts the chunks of a stream, and ends with it', async () => {
    const stream = runRetrieval(request, { maxAgeMs: HOUR }, () => Readable.from([{ timestamp: ago(5) }, {}]));
    expect(telemetry.spans()).toEqual([]);
    for await (const _ of stream);
    expect(attributesOf()['throughline.retrieval.count']).toBe(2);
    expect(signalsOf()).toEqual(['stale_retrieval']);
  });

  it('signals a stream that is empty, and none that was left', async () => {
    async function* nothing(): AsyncGenerator<object> {}
    for await (const _ of runRetrieval(request, nothing));
    expect(signalsOf()).toEqual(['empty_retrieval']);
    await telemetry.reset();
    await runRetrieval(request, nothing).return(undefined);
    expect(signalsOf()).toEqual([]);
  });

  it('shows query and documents on request, redacted', async () => {
    const redact = (value: unknown, kind: string): unknown => (kind === 'query' ? 'redacted' : value);
    runRetrieval(request, { content: { prompts: true, results: true } }, () => [{ id: 'd-1' }]);
    expect(attributesOf()).not.toHaveProperty('gen_ai.retrieval.query.text');
    expect(attributesOf()).not.toHaveProperty('gen_ai.retrieval.documents');
    await telemetry.reset();
    runRetrieval(request, { content: { queries: true, documents: true, redact } }, () => [{ id: 'd-1', score: 0.9 }]);
    expect(attributesOf()).toMatchObject({
      'gen_ai.retrieval.query.text': 'redacted',
      'gen_ai.retrieval.documents': '[{"id":"d-1","score":0.9}]',
    });
  });

  it('comes out as it is, whatever reads it throws', () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const documents = [{}];
    expect(runRetrieval(request, { updatedAt: broken }, () => documents)).toBe(documents);
    expect(attributesOf()['throughline.retrieval.count']).toBe(1);
    expect(runRetrieval(request, { documents: broken }, () => documents)).toBe(documents);
    const error = new Error('no index');
    expect(() =>
      runRetrieval({ source: 'failing' }, () => {
        throw error;
      }),
    ).toThrow(error);
    expect(telemetry.spans().at(-1)?.attributes).toMatchObject({ 'error.type': 'Error' });
  });

  it('is in the sums of its turn by itself and no tool call, with its attempts', async () => {
    await runAgent('planner', { conversationId: 'c-1' }, async () => {
      const search = (): Promise<unknown> => runRetrieval(request, async () => []);
      await runTool('search', () => withAttempt(1, search));
      await withAttempt(2, search);
    });
    expect(attributesOf('invoke_agent planner')).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.tool_calls': 1,
      'throughline.turn.retrievals': 2,
      'throughline.turn.attempts': 3,
      'throughline.signals': expect.arrayContaining(['empty_retrieval']),
    });
    expect(attributesOf()).toMatchObject({ 'gen_ai.agent.name': 'planner', 'gen_ai.conversation.id': 'c-1' });
  });

  it('is measured by source', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    runRetrieval(request, { meterProvider }, () => [1]);
    await reader.forceFlush();
    const metrics = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? [];
    await meterProvider.shutdown();
    expect(metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]?.attributes])).toEqual([
      ['gen_ai.retrieval.duration', { 'gen_ai.operation.name': 'retrieval', 'gen_ai.data_source.id': 'handbook' }],
    ]);
  });

  it.each<[object, RunRetrievalOptions, string]>([
    [{}, {}, '`request.source` takes the name of the store'],
    [{ source: '' }, {}, '`request.source` takes a name'],
    [{ source: 's', topK: 1.5 }, {}, '`request.topK` takes a whole number'],
    [{ source: 's' }, { maxAgeMs: -1 }, '`maxAgeMs` takes milliseconds'],
    [{ source: 's' }, { updatedAt: 'at' as never }, '`updatedAt` takes a function'],
  ])('throws for %j and %j', (wrong, options, message) => {
    expect(() => runRetrieval(wrong as never, options, () => {})).toThrow(message);
  });
});
