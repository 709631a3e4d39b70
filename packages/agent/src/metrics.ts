import type { Attributes, Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { guarded, isAmong, lazyInstruments } from '@throughline/core/adapter';
import { ATTR_GEN_AI_TOKEN_TYPE } from './conventions.ts';
import { SCOPE } from './scope.ts';

// https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/gen-ai-metrics.md
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
const INFERENCE_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
const ITEMS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];
const CALLS = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89];

/** The tokens of a call, as its metrics count them. */
export interface MeasuredTokens {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly cacheRead: number | undefined;
  readonly cacheWrite: number | undefined;
  readonly reasoning: number | undefined;
}

/** A run of a model that is no chat, as its metrics count it. */
export interface MeasuredInference {
  readonly seconds: number;
  readonly batchSize: number | undefined;
  readonly predictions: number;
}

/** What is measured. Times are seconds. Nothing of it throws. */
export interface AgentInstruments {
  modelCall(seconds: number, labels: Attributes): void;
  firstChunk(seconds: number, labels: Attributes): void;
  chunk(seconds: number, labels: Attributes): void;
  /** Requests of a call, those that failed among them. */
  attempts(count: number, labels: Attributes): void;
  tokens(tokens: MeasuredTokens, labels: Attributes, operation?: string): void;
  cost(amount: number, labels: Attributes): void;
  /** Calls of other operations than inference: embeddings, retrieval. */
  operation(seconds: number, labels: Attributes, operation: string | undefined): void;
  agent(seconds: number, modelCalls: number, toolCalls: number, labels: Attributes): void;
  tool(seconds: number, labels: Attributes): void;
  inference(measured: MeasuredInference, labels: Attributes): void;
  signal(labels: Attributes): void;
  /** Returns a label whose values are bounded: past the first 200 distinct ones it is `_OTHER`. */
  label(of: string, value: string | undefined): string | undefined;
}

const MOST = 200;

const GLOBAL = {};
const remembered = new WeakMap<object, Map<boolean, () => AgentInstruments | undefined>>();

/** Returns what measures on this provider, or on the global one, or gives `undefined` where nobody does. There is one for each provider. */
export function agentInstruments(
  provider: MeterProvider | undefined,
  olderNames: boolean,
): () => AgentInstruments | undefined {
  let byNames = remembered.get(provider ?? GLOBAL);
  if (byNames === undefined)
    remembered.set(provider ?? GLOBAL, (byNames = new Map<boolean, () => AgentInstruments | undefined>()));
  let instruments = byNames.get(olderNames);
  if (instruments === undefined) {
    instruments = lazyInstruments(provider, SCOPE, (meter) => instrumentsOf(meter, olderNames));
    byNames.set(olderNames, instruments);
  }
  return instruments;
}

function instrumentsOf(meter: Meter, olderNames: boolean): AgentInstruments {
  const seconds = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: SECONDS } });
  const inference = olderNames ? 'gen_ai.client.operation' : 'gen_ai.client.inference';
  const duration = seconds(`${inference}.duration`, 'Duration of model calls.');
  const firstChunk = seconds(`${inference}.time_to_first_chunk`, 'From the request to the first chunk of a stream.');
  const chunk = seconds(`${inference}.time_per_output_chunk`, 'From one chunk of a stream to the next.');
  const others = othersOf(seconds, duration, olderNames);
  const agent = seconds('gen_ai.invoke_agent.duration', 'Duration of turns of agents.');
  const tool = seconds('gen_ai.execute_tool.duration', 'Duration of tool calls.');
  const calls = (what: string): Histogram =>
    meter.createHistogram(`gen_ai.invoke_agent.${what}_calls`, {
      unit: '{call}',
      description: `Calls of ${what === 'tool' ? 'tools' : 'models'} in a turn of an agent.`,
      advice: { explicitBucketBoundaries: CALLS },
    });
  const [inferenceCalls, toolCalls] = [calls('inference'), calls('tool')];
  const tokens = olderNames ? usageOf(meter) : countersOf(meter);
  const attempts = meter.createCounter('throughline.model.attempts', {
    unit: '{attempt}',
    description: 'Requests that model calls took, those that failed among them.',
  });
  const cost = meter.createCounter('throughline.cost', { description: 'What model calls cost, by the prices given.' });
  const signals = meter.createCounter('throughline.signals', {
    unit: '{signal}',
    description: 'Signals of what fails in silence.',
  });
  const inferenceRun = inferenceOf(meter);
  const known = new Map<string, Set<string>>();
  const measure = (record: () => void): void => guarded('meter', record);
  return {
    modelCall: (value, labels) => measure(() => duration.record(value, labels)),
    firstChunk: (value, labels) => measure(() => firstChunk.record(value, labels)),
    chunk: (value, labels) => measure(() => chunk.record(value, labels)),
    attempts: (count, labels) => measure(() => attempts.add(count, labels)),
    tokens: (counted, labels, operation) => measure(() => tokens(counted, labels, operation)),
    cost: (amount, labels) => measure(() => cost.add(amount, labels)),
    operation: (value, labels, operation = '') => measure(() => others(operation).record(value, labels)),
    agent: (value, models, tools, labels) =>
      measure(() => {
        agent.record(value, labels);
        inferenceCalls.record(models, labels);
        toolCalls.record(tools, labels);
      }),
    tool: (value, labels) => measure(() => tool.record(value, labels)),
    inference: (measured, labels) => measure(() => inferenceRun(measured, labels)),
    signal: (labels) => measure(() => signals.add(1, labels)),
    label: (of, value) => {
      if (value === undefined) return undefined;
      let values = known.get(of);
      if (values === undefined) known.set(of, (values = new Set()));
      return isAmong(values, value, MOST) ? value : '_OTHER';
    },
  };
}

/** Names of our own: the conventions measure calls of models that write. */
function inferenceOf(meter: Meter): (measured: MeasuredInference, labels: Attributes) => void {
  const duration = meter.createHistogram('throughline.inference.duration', {
    unit: 's',
    description: 'Duration of runs of models that are no chat.',
    advice: { explicitBucketBoundaries: INFERENCE_SECONDS },
  });
  const batch = meter.createHistogram('throughline.inference.batch_size', {
    unit: '{item}',
    description: 'Inputs that such a run takes at once.',
    advice: { explicitBucketBoundaries: ITEMS },
  });
  const predicted = meter.createCounter('throughline.inference.predictions', {
    unit: '{prediction}',
    description: 'What such models predicted.',
  });
  return ({ seconds, batchSize, predictions }, labels) => {
    duration.record(seconds, labels);
    if (batchSize !== undefined) batch.record(batchSize, labels);
    if (predictions > 0) predicted.add(predictions, labels);
  };
}

/** Returns what measures the time of calls that are no inference, by their operation. */
function othersOf(
  seconds: (name: string, description: string) => Histogram,
  duration: Histogram,
  olderNames: boolean,
): (operation: string) => Histogram {
  if (olderNames) return () => duration;
  const byOperation = new Map([
    ['embeddings', seconds('gen_ai.client.embeddings.duration', 'Duration of calls for embeddings.')],
    ['retrieval', seconds('gen_ai.retrieval.duration', 'Duration of retrievals.')],
  ]);
  const other = seconds('gen_ai.client.operation.duration', 'Duration of other calls.');
  return (operation) => byOperation.get(operation) ?? other;
}

type TokenRecorder = (tokens: MeasuredTokens, labels: Attributes, operation?: string) => void;

function countersOf(meter: Meter): TokenRecorder {
  const counter = (kind: string): Counter =>
    meter.createCounter(`gen_ai.client.inference.usage.${kind}`, { unit: '{token}', description: 'Tokens used.' });
  const counters: readonly (readonly [keyof MeasuredTokens, Counter])[] = [
    ['input', counter('input_tokens')],
    ['output', counter('output_tokens')],
    ['cacheRead', counter('cache_read.input_tokens')],
    ['cacheWrite', counter('cache_write.input_tokens')],
    ['reasoning', counter('reasoning.output_tokens')],
  ];
  const embedded = meter.createHistogram('gen_ai.client.embeddings.operation.input_tokens', {
    unit: '{token}',
    description: 'Tokens of a call for embeddings.',
    advice: { explicitBucketBoundaries: TOKENS },
  });
  return (tokens, labels, operation) => {
    if (operation === 'embeddings') {
      if (tokens.input !== undefined) embedded.record(tokens.input, labels);
      return;
    }
    for (const [kind, one] of counters) {
      const count = tokens[kind];
      if (count !== undefined) one.add(count, labels);
    }
  };
}

// https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md
function usageOf(meter: Meter): TokenRecorder {
  const usage = meter.createHistogram('gen_ai.client.token.usage', {
    unit: '{token}',
    description: 'Tokens used.',
    advice: { explicitBucketBoundaries: TOKENS },
  });
  return ({ input, output }, labels) => {
    if (input !== undefined) usage.record(input, { ...labels, [ATTR_GEN_AI_TOKEN_TYPE]: 'input' });
    if (output !== undefined) usage.record(output, { ...labels, [ATTR_GEN_AI_TOKEN_TYPE]: 'output' });
  };
}
