import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { withAttempt } from '@throughline/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errorFields, runAgent, runInference, watchDrift } from '../src/index.ts';
import type { InferenceRun } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => (telemetry = startTelemetry()));
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const activeSpanId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;
const attributesOf = (name = 'predict toxicity') => telemetry.find(name).attributes;
const signalsOf = (name = 'predict toxicity'): unknown[] =>
  telemetry
    .find(name)
    .events.filter((event) => event.name === 'throughline.signal')
    .map(({ attributes }) => [attributes?.['throughline.signal.kind'], attributes?.['throughline.signal.value']]);

describe('a run of a model that is no chat', () => {
  it('is a span of a model in the process, with its phases in seconds', async () => {
    const request = { model: 'toxicity', version: '3', batchSize: 4 };
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
    const result = await runInference(request, async (run) => {
      const tokens = run.preprocess(() => [1, 2]);
      await run.infer(pause);
      await run.infer(pause);
      return run.postprocess(() => [...tokens, activeSpanId()]);
    });
    const span = telemetry.find('predict toxicity');
    const { kind, attributes } = span;
    expect(result).toEqual([1, 2, span.spanContext().spanId]);
    expect(kind).toBe(SpanKind.INTERNAL);
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'predict',
      'gen_ai.request.model': 'toxicity',
      'throughline.model.version': '3',
      'throughline.inference.batch_size': 4,
    });
    const [preprocess, infer, postprocess] = ['preprocess', 'infer', 'postprocess'].map(
      (phase) => attributes[`throughline.inference.${phase}.time`] as number,
    );
    expect(infer).toBeGreaterThanOrEqual(0.038);
    expect(preprocess).toBeGreaterThanOrEqual(0);
    expect(postprocess).toBeGreaterThanOrEqual(0);
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('has a span for each phase on request, active in it, and fails by the same object', async () => {
    const error = new RangeError('out of memory');
    const running = runInference({ model: 'toxicity', input: ['a'] }, { phaseSpans: true }, async (run) => {
      run.preprocess(() => {});
      await run.infer(async () => {
        await Promise.resolve();
        throw error;
      });
    });
    await expect(running).rejects.toBe(error);
    const run = telemetry.find('predict toxicity');
    const phases = ['preprocess', 'infer'].map((name) => telemetry.find(name));
    expect(phases.map((span) => span.parentSpanContext?.spanId)).toEqual([1, 2].map(() => run.spanContext().spanId));
    expect(phases.map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.ERROR]);
    expect(run.attributes).toMatchObject({ 'error.type': 'RangeError' });
    expect(run.attributes['throughline.input.digest']).toMatch(/^[0-9a-f]{16}$/);
    expect(errorFields(error)).toMatchObject({
      'gen_ai.operation.name': 'predict',
      'throughline.input.digest': run.attributes['throughline.input.digest'],
    });
  });

  it('ends with a stream, whose phase does too', async () => {
    async function* scores(): AsyncGenerator<number> {
      yield 0.9;
      yield 0.8;
    }
    const stream = runInference({ model: 'toxicity' }, { phaseSpans: true }, (run) => run.infer(scores));
    expect(telemetry.spans()).toEqual([]);
    for await (const _ of stream);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['infer', 'predict toxicity']);
    expect(attributesOf()).toHaveProperty('throughline.inference.infer.time');
  });

  it('is CLIENT where a host serves it', () => {
    runInference({ model: 'toxicity', provider: 'triton', serverAddress: 'gpu-1', serverPort: 8000 }, () => {});
    expect(telemetry.find('predict toxicity').kind).toBe(SpanKind.CLIENT);
    expect(attributesOf()).toMatchObject({ 'server.address': 'gpu-1', 'server.port': 8000 });
  });

  it('says how sure the model is, and signals where a tenth of its predictions are not sure enough', async () => {
    const many = Array.from({ length: 20 }, (_, n) => (n < 2 ? 0.3 : 0.9));
    const run = (confidences: readonly number[], minConfidence?: number): unknown =>
      runInference({ model: 'toxicity' }, { minConfidence }, (running) => {
        running.predictions(confidences.slice(0, 10));
        running.predictions(confidences.slice(10));
      });
    run(many, 0.5);
    expect(attributesOf()).toMatchObject({
      'throughline.inference.predictions': 20,
      'throughline.inference.confidence.min': 0.3,
      'throughline.inference.confidence.p10': 0.3,
    });
    expect(attributesOf()['throughline.inference.confidence.mean']).toBeCloseTo(0.84, 10);
    expect(signalsOf()).toEqual([['low_confidence', 0.3]]);
    for (const [confidences, minConfidence] of [
      [many.slice(1), 0.5],
      [many, 0.3],
      [many, undefined],
      [[], 0.5],
    ] as const) {
      await telemetry.reset();
      run(confidences, minConfidence);
      expect(signalsOf()).toEqual([]);
    }
    expect(attributesOf()).not.toHaveProperty('throughline.inference.predictions');
  });

  it('takes predictions of any kind, and none once it is over', () => {
    let kept: InferenceRun | undefined;
    runInference({ model: 'toxicity' }, (run) => {
      kept = run;
      run.predictions([0.5, Number.NaN, '0.1' as never]);
      run.predictions(undefined as never);
      run.loaded(null as never);
    });
    kept?.predictions([1]);
    kept?.loaded();
    expect(kept?.infer(() => 7)).toBe(7);
    expect(attributesOf()['throughline.inference.predictions']).toBe(1);
    expect(telemetry.find('predict toxicity').events).toEqual([]);
  });

  it('tells that the model was loaded', () => {
    runInference({ model: 'toxicity', version: '3' }, (run) => {
      run.loaded({ cold: true, duration: 1.5 });
      run.loaded({ cold: false });
    });
    const model = { 'gen_ai.request.model': 'toxicity', 'throughline.model.version': '3' };
    expect(telemetry.find('predict toxicity').events.map(({ name, attributes }) => [name, attributes])).toEqual([
      [
        'throughline.model.loaded',
        { ...model, 'throughline.model.load.duration': 1.5, 'throughline.model.load.cold': true },
      ],
      ['throughline.model.loaded', { ...model, 'throughline.model.load.cold': false }],
    ]);
  });

  it('signals drift, once for each window that has drifted', async () => {
    const even = Array.from({ length: 1000 }, (_, n) => n / 1000);
    const drift = watchDrift({ baseline: even, window: 200 });
    const run = (scores: readonly number[]): void =>
      runInference({ model: 'toxicity' }, { drift }, (running) => running.predictions(scores));
    run(even.filter((_, n) => n % 5 === 0));
    expect(attributesOf()['throughline.inference.drift']).toBeCloseTo(0, 5);
    expect(signalsOf()).toEqual([]);
    await telemetry.reset();
    run(even.slice(900));
    expect(attributesOf()).not.toHaveProperty('throughline.inference.drift');
    await telemetry.reset();
    run(even.slice(900));
    expect(signalsOf()).toEqual([['score_drift', attributesOf()['throughline.inference.drift']]]);
    expect(attributesOf()['throughline.inference.drift']).toBeGreaterThan(1);
  });

  it('is in the sums of its turn by itself, and its signals are the turn’s', async () => {
    const scores = { minConfidence: 0.5 };
    await runAgent('planner', { conversationId: 'c-1' }, async () => {
      for (const n of [1, 2]) {
        await withAttempt(n, () => runInference({ model: 'toxicity' }, scores, async (run) => run.predictions([0.1])));
      }
    });
    expect(attributesOf('invoke_agent planner')).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.model_calls': 0,
      'throughline.turn.inferences': 2,
      'throughline.turn.attempts': 2,
      'throughline.signals': ['low_confidence'],
    });
    expect(attributesOf()).toMatchObject({ 'gen_ai.agent.name': 'planner', 'gen_ai.conversation.id': 'c-1' });
  });

  it('is measured by model and version, whose labels are bounded', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    runInference({ model: 'toxicity', version: '3', batchSize: 8 }, { meterProvider }, (run) =>
      run.predictions([1, 1]),
    );
    for (let n = 0; n < 210; n++) runInference({ model: `m-${n}` }, { meterProvider }, () => {});
    await reader.forceFlush();
    const metrics = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? [];
    await meterProvider.shutdown();
    const pointsOf = (name: string) =>
      metrics.find(({ descriptor }) => descriptor.name === `throughline.inference.${name}`)?.dataPoints ?? [];
    const labels = { 'gen_ai.request.model': 'toxicity', 'throughline.model.version': '3' };
    expect(pointsOf('batch_size')).toMatchObject([{ attributes: labels, value: { count: 1, sum: 8 } }]);
    expect(pointsOf('predictions')).toMatchObject([{ attributes: labels, value: 2 }]);
    expect(pointsOf('duration')[0]).toMatchObject({ attributes: labels, value: { count: 1 } });
    expect(pointsOf('duration')).toHaveLength(201);
    expect(pointsOf('duration').at(-1)).toMatchObject({
      attributes: { 'gen_ai.request.model': '_OTHER' },
      value: { count: 11 },
    });
  });

  it.each([
    [{}, {}, '`request.model` takes the name of the model'],
    [{ model: 'm', batchSize: -1 }, {}, '`request.batchSize` takes a whole number from 0'],
    [{ model: 'm', version: 3 }, {}, '`request.version` takes a name'],
    [{ model: 'm' }, { minConfidence: 'high' }, '`minConfidence` takes a number, such as 0.6'],
    [{ model: 'm' }, { drift: {} }, '`drift` takes what `watchDrift` returns'],
    [{ model: 'm' }, { phaseSpans: 1 }, '`phaseSpans` takes true or false'],
  ])('throws for %j and %j', (request, options, message) => {
    expect(() => runInference(request as never, options as never, () => {})).toThrow(message);
  });
});
