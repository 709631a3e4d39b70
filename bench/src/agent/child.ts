/** `node child.ts ROUNDS SCALE`: what a chunk of a stream and a turn of an agent cost, as JSON. */
import { context as contextApi, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span, Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { callModel, runAgent, runTool } from '@throughline/agent';
import { median } from '../measure.ts';

/** Microseconds of CPU, medians over rounds. */
export interface Told {
  readonly chunk: Record<'bare' | 'unsampled' | 'sampled', number>;
  readonly turn: Record<'ours' | 'byHand', number>;
}

const [rounds = 8, scale = 1] = process.argv.slice(2).map(Number);
contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const dropping = {
  export: (_: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
  shutdown: async () => {},
};
const sampled = new TracerProvider({
  sampler: new AlwaysOnSampler(),
  spanProcessors: [new BatchSpanProcessor({ exporter: dropping })],
});
const unsampled = new TracerProvider({ sampler: new AlwaysOffSampler() });

const CHUNKS = Math.round(100_000 * scale);
const pieces = Array.from({ length: 100 }, (_, at) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  model: 'gpt-9-2026',
  choices: [{ index: 0, delta: { content: `word ${at}` }, finish_reason: null }],
}));

async function* stream(): AsyncGenerator {
  for (let at = 0; at < CHUNKS; at++) yield pieces[at % pieces.length];
}

async function read(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const chunk of chunks) if (chunk === undefined) throw new Error('a chunk is missing');
}

const request = { model: 'gpt-9', provider: 'openai', stream: true } as const;
const chunkVariants = {
  bare: () => read(stream()),
  unsampled: () => read(callModel(request, { tracerProvider: unsampled }, stream)),
  sampled: () => read(callModel(request, { tracerProvider: sampled }, stream)),
};

const TURNS = Math.round(5000 * scale);
const answer = {
  id: 'chatcmpl-1',
  model: 'gpt-9-2026',
  choices: [{ message: { content: 'forty-two' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 120, completion_tokens: 30 },
};
const ask = async (): Promise<typeof answer> => answer;
const search = async (): Promise<string[]> => ['a passage'];
const options = { tracerProvider: sampled };
const tracer: Tracer = sampled.getTracer('by-hand');

async function inSpan<T>(
  name: string,
  kind: SpanKind,
  attributes: Record<string, string>,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, { kind, attributes }, contextApi.active());
  try {
    return await contextApi.with(trace.setSpan(contextApi.active(), span), () => work(span));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.recordException(error as Error);
    throw error;
  } finally {
    span.end();
  }
}

/** The same spans with the same attributes: what the conventions ask for, and the sums of the turn. */
function turnByHand(): Promise<unknown> {
  const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' };
  return inSpan('invoke_agent planner', SpanKind.INTERNAL, agent, async (turn) => {
    const sums = { tools: 0, models: 0, input: 0, output: 0 };
    const tool = {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
      'gen_ai.agent.name': 'planner',
    };
    await inSpan('execute_tool search', SpanKind.INTERNAL, tool, search);
    sums.tools++;
    const model = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-9',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'planner',
    };
    const answered = await inSpan('chat gpt-9', SpanKind.CLIENT, model, async (span) => {
      const said = await ask();
      span.setAttributes({
        'gen_ai.response.id': said.id,
        'gen_ai.response.model': said.model,
        'gen_ai.response.finish_reasons': said.choices.map(({ finish_reason }) => finish_reason),
        'gen_ai.usage.input_tokens': said.usage.prompt_tokens,
        'gen_ai.usage.output_tokens': said.usage.completion_tokens,
        'app.slowest_phase': 'answer',
      });
      return said;
    });
    sums.models++;
    sums.input += answered.usage.prompt_tokens;
    sums.output += answered.usage.completion_tokens;
    turn.setAttributes({
      'app.turn.outcome': 'ok',
      'app.turn.model_calls': sums.models,
      'app.turn.tool_calls': sums.tools,
      'app.turn.attempts': sums.tools + sums.models,
      'app.turn.input_tokens': sums.input,
      'app.turn.output_tokens': sums.output,
    });
    return answered;
  });
}

function turnOfOurs(): Promise<unknown> {
  return runAgent('planner', options, async () => {
    await runTool('search', search);
    return callModel({ model: 'gpt-9', provider: 'openai' }, ask);
  });
}

const repeated = (turn: () => Promise<unknown>) => async (): Promise<void> => {
  for (let at = 0; at < TURNS; at++) await turn();
};
const turnVariants = { ours: repeated(turnOfOurs), byHand: repeated(turnByHand) };

console.log(
  JSON.stringify({
    chunk: await inTurns(chunkVariants, CHUNKS),
    turn: await inTurns(turnVariants, TURNS),
  } satisfies Told),
);

async function inTurns<V extends string>(
  variants: Record<V, () => Promise<void>>,
  count: number,
): Promise<Record<V, number>> {
  const names = Object.keys(variants) as V[];
  const costs = new Map<V, number[]>(names.map((name) => [name, []]));
  for (let round = -3; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const before = process.cpuUsage();
      await variants[name]();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) costs.get(name)?.push((user + system) / count);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(costs.get(name) ?? [])])) as Record<V, number>;
}
