import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CollectedSpan } from '@throughline/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAll } from '../src/ask-all.ts';
import { prometheusAvailability } from '../src/availability.ts';
import type { Labels, Sample } from '../src/prometheus-client.ts';
import { RULES } from '../src/prometheus.ts';
import { questions } from '../src/questions.ts';
import { SHOWN } from '../src/shown.ts';
import { startWatchedDesk } from '../src/watched-desk.ts';
import type { WatchedDesk } from '../src/watched-desk.ts';
import { panelQueries } from './dashboards.ts';
import { mentioned } from './promql.ts';
import { rulesIn } from './rules.ts';

const prometheus = await prometheusAvailability();

type Line = Readonly<Record<string, unknown>>;

describe.skipIf(prometheus.missing)(`the watched desk${prometheus.note}`, () => {
  let desk: WatchedDesk;
  let failures: string[];
  let complaints: string[];
  let spans: readonly CollectedSpan[];
  let series: Labels[];
  let aiLog: Line[];
  let infrastructureLog: Line[];
  const answers = new Map<string, Sample[]>();

  beforeAll(async () => {
    // A bad day of the provider: each twelfth call of the model fails, others are slow or wrong.
    desk = await startWatchedDesk({ model: 'mixed' });
    failures = await askAll(desk, questions(8));
    await desk.prometheus.settled();
    series = await desk.prometheus.series('{__name__=~".+"}');
    const expressions = [...MEASURED, ...SHOWN, ...panelQueries()].map(({ expression }) => expression);
    for (const expression of expressions) answers.set(expression, await desk.prometheus.query(expression));
    complaints = await desk.dismiss();
    spans = desk.collector.spans();
    aiLog = await linesOf('ai.jsonl');
    infrastructureLog = await linesOf('infrastructure.jsonl');
  }, 180_000);
  afterAll(() => desk?.[Symbol.asyncDispose]());

  async function linesOf(file: string): Promise<Line[]> {
    const text = await readFile(join(desk.logs, file), 'utf8');
    return Array.from(text.trimEnd().split('\n'), (line) => JSON.parse(line) as Line);
  }

  const named = (name: string): CollectedSpan[] => spans.filter((span) => span.name.startsWith(name));
  const failed = (name: string): CollectedSpan[] => named(name).filter(({ status }) => status.code === 'ERROR');
  const summed = (name: string, attribute: string): number =>
    named(name).reduce((sum, { attributes }) => sum + Number(attributes[attribute] ?? 0), 0);
  const measured = (metric: string, labels: Labels = {}): number =>
    (answers.get(metric) ?? [])
      .filter((sample) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value))
      .reduce((sum, { value }) => sum + value, 0);

  it('answers all questions but those for which the model fails', () => {
    expect(failures).not.toEqual([]);
    expect(failures.length).toBeLessThan(8);
    for (const failure of failures) expect(failure).toContain('The engine is overloaded');
    expect(complaints).toEqual([]);
  });

  it('is measured as it is traced: turns, tools, calls of models, attempts, cost, signals', () => {
    expect(measured('gen_ai_invoke_agent_duration_count')).toBe(named('invoke_agent').length);
    expect(measured('gen_ai_invoke_agent_duration_count', { error_type: '500' })).toBe(failed('invoke_agent').length);
    expect(measured('gen_ai_execute_tool_duration_count')).toBe(named('execute_tool').length);
    expect(measured('gen_ai_client_inference_duration_count')).toBe(named('chat').length);
    expect(measured('throughline_model_attempts_total')).toBe(summed('chat', 'throughline.model.attempts'));
    expect(measured('throughline_model_attempts_total')).toBeGreaterThan(named('chat').length);
    expect(measured('throughline_cost_total')).toBeCloseTo(summed('chat', 'throughline.cost'), 9);
    const signals = spans.flatMap(({ events }) => events.filter(({ name }) => name === 'throughline.signal'));
    expect(measured('throughline_signals_total')).toBe(signals.length);
  });

  it('counts the hops of every service, and starts chains at the gateway alone', () => {
    const arrived = { direction: 'inbound', outcome: 'started' };
    expect(measured('throughline_hops_total', arrived)).toBe(8);
    expect(measured('throughline_hops_total', { ...arrived, job: 'gateway' })).toBe(8);
    const jobs = series.filter(({ __name__ }) => __name__ === 'throughline_hops_total').map(({ job }) => job);
    expect(new Set(jobs)).toEqual(new Set(['analyst', 'gateway', 'library', 'planner', 'reader']));
  });

  it.each(SHOWN)('has an answer to what the command asks: $title', ({ expression }) => {
    expect(answers.get(expression)).not.toEqual([]);
  });

  it.each(panelQueries())('has what a panel shows: $title, $expression', ({ expression, legendLabels }) => {
    const samples = answers.get(expression) ?? [];
    expect(samples).not.toEqual([]);
    expect(unknownNames(expression, series)).toEqual([]);
    // A call that came out well has no error to be named.
    const shown = legendLabels.filter((label) => label !== 'error_type');
    expect(shown.filter((label) => !samples.some(({ labels }) => label in labels))).toEqual([]);
  });

  it('has what the rules speak of', async () => {
    const rules = await rulesIn(RULES);
    const recorded = rules.map(({ record }) => record);
    const unknown = rules.flatMap(({ expr }) => unknownNames(expr, series));
    expect(unknown.filter((name) => !recorded.includes(name))).toEqual([]);
  });

  it('logs turns, tools, model calls and signals into one file, each in its trace', () => {
    const count = (message: string): number => aiLog.filter(({ msg }) => msg === message).length;
    expect(count('turn is done') + count('turn failed')).toBe(named('invoke_agent').length);
    expect(count('tool is done')).toBe(named('execute_tool').length);
    expect(count('model call is done') + count('model call failed')).toBe(named('chat').length);
    expect(count('throughline.signal')).toBe(measured('throughline_signals_total'));
    const known = new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
    expect(aiLog.filter(({ trace_id, span_id }) => !known.has(`${String(trace_id)} ${String(span_id)}`))).toEqual([]);
    expect(aiLog.filter((line) => !/^analyst-\d$/.test(String(line['gen_ai.agent.name'])))).toEqual([]);
  });

  it('logs what processes do into the other, of all services, with the trace where there is one', () => {
    const services = new Set(infrastructureLog.map(({ service }) => service));
    expect(services).toEqual(new Set(['analyst', 'gateway', 'library', 'model', 'planner', 'reader']));
    expect(infrastructureLog.filter(({ msg, event }) => /^(turn|tool|model call) /.test(String(msg)) || event)).toEqual(
      [],
    );
    const traces = new Set(infrastructureLog.flatMap(({ trace_id }) => trace_id ?? []));
    expect(traces).toEqual(new Set(spans.map(({ traceId }) => traceId)));
  });

  it('logs a failed call of a model with what a provider’s support asks for, and without the prompt', () => {
    const lines = aiLog.filter(({ msg }) => msg === 'model call failed');
    expect(lines).toHaveLength(failed('chat').length);
    for (const line of lines) {
      expect(line).toMatchObject({ level: 50, 'gen_ai.request.model': 'desk-1', 'error.type': '500' });
      expect(line['throughline.model.request_id']).toMatch(/./);
      expect(JSON.stringify(line)).not.toContain('Say by number');
    }
  });
});

const MEASURED = [
  'gen_ai_invoke_agent_duration_count',
  'gen_ai_execute_tool_duration_count',
  'gen_ai_client_inference_duration_count',
  'throughline_model_attempts_total',
  'throughline_cost_total',
  'throughline_signals_total',
  'throughline_hops_total',
].map((expression) => ({ expression }));

/** Returns the metrics of an expression that no series has, and the labels that none of its metrics has. */
function unknownNames(expression: string, series: readonly Labels[]): string[] {
  const { metrics, labels } = mentioned(expression);
  const own = series.filter(({ __name__ }) => __name__ !== undefined && metrics.includes(__name__));
  return [
    ...metrics.filter((metric) => !own.some(({ __name__ }) => __name__ === metric)),
    // Only of what failed, and of no tool here.
    ...labels.filter((label) => !(label === 'error_type' ? series : own).some((one) => label in one)),
  ];
}
