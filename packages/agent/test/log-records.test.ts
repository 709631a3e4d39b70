import { trace } from '@opentelemetry/api';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callModel, recordEvaluation, recordHandoff, recordSignal, runAgent } from '../src/index.ts';
import type { AgentOptions } from '../src/index.ts';

let telemetry: Telemetry;
const exporter = new InMemoryLogRecordExporter();
const loggerProvider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
const options: AgentOptions = { loggerProvider, events: 'log' };

beforeAll(() => (telemetry = startTelemetry()));
afterEach(async () => {
  exporter.reset();
  await telemetry.reset();
});
afterAll(async () => {
  await loggerProvider.shutdown();
  await telemetry.shutdown();
});

const recorded = () =>
  exporter.getFinishedLogRecords().map(({ eventName, spanContext, attributes }) => ({
    eventName,
    ids: [spanContext?.traceId, spanContext?.spanId],
    attributes,
  }));
const idsOf = (name: string): (string | undefined)[] => {
  const { traceId, spanId } = telemetry.find(name).spanContext();
  return [traceId, spanId];
};

describe('log records', () => {
  it('are the events of a turn, with the ids of the span that each is of', () => {
    runAgent('triage', options, () => {
      recordSignal('low_confidence', { value: 0.2 });
      recordHandoff('billing');
      callModel({ model: 'm' }, () => ({ choices: [{ message: { content: 'half' }, finish_reason: 'length' }] }));
      recordEvaluation('relevance', { score: 0.5 });
    });
    expect(recorded().map(({ eventName, ids }) => [eventName, ids])).toEqual([
      ['throughline.signal', idsOf('invoke_agent triage')],
      ['throughline.handoff', idsOf('invoke_agent triage')],
      ['throughline.signal', idsOf('chat m')],
      ['gen_ai.evaluation.result', idsOf('invoke_agent triage')],
    ]);
    expect(recorded()[0]?.attributes).toEqual({
      'throughline.signal.kind': 'low_confidence',
      'throughline.signal.value': 0.2,
      'gen_ai.agent.name': 'triage',
    });
    expect(telemetry.spans().flatMap(({ events }) => events)).toEqual([]);
  });

  it('are of the scope of this package, and of now', () => {
    const before = Date.now();
    runAgent('a', options, () => recordHandoff('b'));
    const [record] = exporter.getFinishedLogRecords();
    expect(record?.instrumentationScope.name).toBe('@throughline/agent');
    const [seconds = 0, nanos = 0] = record?.hrTime ?? [];
    expect(seconds * 1000 + nanos / 1e6).toBeGreaterThanOrEqual(before);
  });

  it('are there beside the events of the span by default', () => {
    runAgent('a', { loggerProvider }, () => recordHandoff('b'));
    expect(recorded()).toHaveLength(1);
    expect(telemetry.find('invoke_agent a').events).toHaveLength(1);
  });
});

describe('recordEvaluation()', () => {
  const evaluation = { score: 0.82, label: 'pass', explanation: 'it says so', responseId: 'r-1' };

  it('is the event of the conventions on the active span, without its explanation', () => {
    runAgent('judge', () => recordEvaluation('relevance', { ...evaluation, attributes: { 'my.judge': 'j-1' } }));
    expect(telemetry.find('invoke_agent judge').events).toMatchObject([
      {
        name: 'gen_ai.evaluation.result',
        attributes: {
          'gen_ai.evaluation.name': 'relevance',
          'gen_ai.evaluation.score.value': 0.82,
          'gen_ai.evaluation.score.label': 'pass',
          'gen_ai.response.id': 'r-1',
          'my.judge': 'j-1',
        },
      },
    ]);
    const [event] = telemetry.find('invoke_agent judge').events;
    expect(event?.attributes).not.toHaveProperty('gen_ai.evaluation.explanation');
  });

  it('has its explanation under a switch of its own, redacted', () => {
    const seen: string[] = [];
    const redact = (value: unknown, kind: string): unknown => (seen.push(kind), `${value as string}!`);
    runAgent('a', { content: { prompts: true } }, () => recordEvaluation('relevance', evaluation));
    runAgent('b', { content: { explanations: true, redact } }, () => recordEvaluation('relevance', evaluation));
    const [a, b] = ['a', 'b'].map((name) => telemetry.find(`invoke_agent ${name}`).events[0]?.attributes);
    expect(a).not.toHaveProperty('gen_ai.evaluation.explanation');
    expect(b?.['gen_ai.evaluation.explanation']).toBe('it says so!');
    expect(seen).toEqual(['explanation']);
  });

  it('is of the span that it is given, also of one that has ended', () => {
    let ended = trace.getTracer('t').startSpan('unused');
    const both: AgentOptions = { loggerProvider };
    runAgent('judge', both, () => {
      const open = trace.getTracer('t').startSpan('open');
      recordEvaluation('relevance', { score: 1, span: open });
      open.end();
      ended = open;
      recordEvaluation('relevance', { score: 2, span: ended });
    });
    expect(telemetry.find('open').events.map(({ attributes }) => attributes)).toEqual([
      { 'gen_ai.evaluation.name': 'relevance', 'gen_ai.evaluation.score.value': 1 },
    ]);
    expect(telemetry.find('invoke_agent judge').events.map(({ attributes }) => attributes)).toEqual([
      {
        'gen_ai.evaluation.name': 'relevance',
        'gen_ai.evaluation.score.value': 2,
        'throughline.evaluation.span_id': ended.spanContext().spanId,
      },
    ]);
    expect(recorded().map(({ ids }) => ids)).toEqual([idsOf('open'), idsOf('open')]);
  });

  it('leaves out what is of a wrong type, and throws for a name that is none', () => {
    runAgent('a', () => recordEvaluation('x', { score: Number.NaN, label: 7 as never, span: {} as never }));
    expect(telemetry.find('invoke_agent a').events[0]?.attributes).toEqual({ 'gen_ai.evaluation.name': 'x' });
    expect(() => recordEvaluation('')).toThrow('`name` takes a name');
    expect(() => recordEvaluation(undefined as never)).toThrow('`name` takes a name');
  });
});
