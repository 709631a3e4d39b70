import { createRequire } from 'node:module';
import { createOpenAI } from '@ai-sdk/openai';
import { OpenTelemetry } from '@ai-sdk/otel';
import Anthropic from '@anthropic-ai/sdk';
import { OpenAIInstrumentation as OpenInference } from '@arizeai/openinference-instrumentation-openai';
import { OpenAIInstrumentation } from '@opentelemetry/instrumentation-openai';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { startModel } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { checkChains, fromReadableSpans } from '@throughline/verify';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { modelMiddleware } from '../src/ai-sdk.ts';
import { traceAnthropic } from '../src/anthropic.ts';
import { callModel, runAgent } from '../src/index.ts';
import { traceOpenAI } from '../src/openai.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(() => (telemetry = startTelemetry()));
beforeEach(async () => (model = await startModel({ answer: () => ({ usage: { input: 100, output: 20 } }) })));
afterEach(async () => {
  await model.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const messages = [{ role: 'user' as const, content: 'hello' }];
const names = (): string[] => telemetry.spans().map(({ name }) => name);
const findings = (): string[] =>
  checkChains(fromReadableSpans(telemetry.spans())).findings.map(({ code }) => code as string);
/** Tokens, as one who adds up all spans would count them. */
const tokens = (): number =>
  telemetry.spans().reduce((sum, { attributes }) => sum + Number(attributes['gen_ai.usage.input_tokens'] ?? 0), 0);
const readAll = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of stream);
};

/** Chat, streamed and not, in a turn. */
const chats = (client: OpenAI): Promise<void> =>
  runAgent('a', async () => {
    const { completions } = client.chat;
    await completions.create({ model: 'm', messages });
    await readAll(
      await completions.create({ model: 'm', messages, stream: true, stream_options: { include_usage: true } }),
    );
    await completions.stream({ model: 'm', messages, stream_options: { include_usage: true } }).finalContent();
  });

describe('@opentelemetry/instrumentation-openai', () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
  const instrumentation = new OpenAIInstrumentation();
  instrumentation.setMeterProvider(meterProvider);
  // What is required after it is patched by it, as in an application.
  const { OpenAI: Patched } = createRequire(import.meta.url)('openai6') as { OpenAI: typeof OpenAI };
  afterAll(async () => {
    instrumentation.disable();
    await meterProvider.shutdown();
  });
  const measured = async (): Promise<string[]> => {
    await meterProvider.forceFlush();
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    exporter.reset();
    return found.map(({ descriptor }) => descriptor.name);
  };

  it('opens its span and measures where a client is not traced', async () => {
    await chats(new Patched({ baseURL: model.v1, apiKey: 'none' }));
    expect(names()).toEqual(['chat m', 'chat m', 'chat m', 'invoke_agent a']);
    expect(new Set(telemetry.spans().map(({ instrumentationScope }) => instrumentationScope.name))).toContain(
      '@opentelemetry/instrumentation-openai',
    );
    expect(await measured()).toContain('gen_ai.client.token.usage');
  });

  it('counts twice inside of a `callModel`, where the client is not traced, and the checker says so', async () => {
    const client = new Patched({ baseURL: model.v1, apiKey: 'none' });
    await callModel({ model: 'm' }, () => client.chat.completions.create({ model: 'm', messages }));
    expect([tokens(), findings()]).toEqual([200, ['double-usage']]);
    await measured();
  });

  it('counts nothing a second time where it is', async () => {
    await chats(traceOpenAI(new Patched({ baseURL: model.v1, apiKey: 'none' })));
    expect(names()).toEqual(['chat m', 'chat m', 'chat m', 'invoke_agent a']);
    expect(new Set(telemetry.spans().map(({ instrumentationScope }) => instrumentationScope.name))).toEqual(
      new Set(['@throughline/agent']),
    );
    expect([tokens(), findings()]).toEqual([300, []]);
    expect(await measured()).toEqual([]);
  });
});

describe('@arizeai/openinference-instrumentation-openai', () => {
  let instrumentation: OpenInference;
  beforeAll(() => {
    instrumentation = new OpenInference();
    instrumentation.manuallyInstrument(OpenAI);
  });
  afterAll(() => instrumentation.disable());

  it('opens its span where a client is not traced', async () => {
    await new OpenAI({ baseURL: model.v1, apiKey: 'none' }).chat.completions.create({ model: 'm', messages });
    expect(names()).toEqual(['OpenAI Chat Completions']);
    expect(telemetry.spans()[0]?.attributes['llm.token_count.prompt']).toBe(100);
  });

  it('counts nothing a second time where it is', async () => {
    const client = traceOpenAI(new OpenAI({ baseURL: model.v1, apiKey: 'none' }));
    await chats(client);
    await client.responses.create({ model: 'm', input: 'hello' });
    await client.embeddings.create({ model: 'e', input: 'hello' });
    expect(names()).toEqual(['chat m', 'chat m', 'chat m', 'invoke_agent a', 'chat m', 'embeddings e']);
    expect([tokens(), findings()]).toEqual([500, []]);
  });
});

describe("@anthropic-ai/sdk's own spans", () => {
  const anthropic = (): Anthropic => new Anthropic({ baseURL: model.url, apiKey: 'none', logLevel: 'off' });

  it('are there where a client is not traced', async () => {
    await anthropic().messages.create({ model: 'm', max_tokens: 9, messages });
    expect(names()).toEqual(['anthropic.messages.create']);
    expect(telemetry.spans()[0]?.attributes['gen_ai.usage.output_tokens']).toBe(20);
  });

  it('count nothing a second time where it is; those of other calls stay', async () => {
    const { messages: resource, beta } = traceAnthropic(anthropic());
    const request = { model: 'm', max_tokens: 9, messages };
    await runAgent('a', async () => {
      await resource.create(request);
      await readAll(await resource.create({ ...request, stream: true }));
      await resource.stream(request).finalMessage();
      await resource.parse(request);
      await beta.messages.create(request);
      await beta.messages.stream(request).finalMessage();
      await resource.countTokens(request).catch(() => {});
    });
    expect(names()).toEqual([
      ...Array.from({ length: 6 }, () => 'chat m'),
      'anthropic.messages.count_tokens',
      'invoke_agent a',
    ]);
    expect([tokens(), findings()]).toEqual([600, []]);
  });

  it('count nothing a second time in its tool runner, whose own spans stay', async () => {
    model.next({ toolCalls: [{ name: 'add', input: { a: 1 } }], usage: { input: 100, output: 20 } });
    const runner = traceAnthropic(anthropic()).beta.messages.toolRunner({
      model: 'm',
      max_tokens: 9,
      messages,
      tools: [
        {
          name: 'add',
          description: 'adds',
          input_schema: { type: 'object' },
          run: () => 'two',
          parse: (x: unknown) => x,
        },
      ],
    });
    await runner;
    expect(names().filter((name) => name === 'chat m')).toHaveLength(2);
    expect(names()).not.toContain('anthropic.messages.create');
    expect([tokens(), findings()]).toEqual([200, []]);
  });
});

describe('@ai-sdk/otel', () => {
  const bare = () => createOpenAI({ baseURL: model.v1, apiKey: 'none' }).chat('m');
  const language = () => wrapLanguageModel({ model: bare(), middleware: modelMiddleware() });
  const telemetryOf = () => ({ integrations: [new OpenTelemetry()] });

  it.each(['generateText', 'streamText'] as const)('has one span for a call of %s, to which ours adds', async (how) => {
    const options = { model: language(), prompt: 'hello', telemetry: telemetryOf() };
    if (how === 'generateText') await generateText(options);
    else await readAll(streamText(options).textStream);
    const chat = telemetry.spans().filter(({ attributes }) => attributes['gen_ai.operation.name'] === 'chat');
    expect(chat).toHaveLength(1);
    expect(chat[0]?.attributes).toMatchObject({
      'gen_ai.usage.input_tokens': 100,
      'throughline.model.attempts': 1,
      'throughline.model.request_id': expect.stringMatching(/^req_/) as string,
    });
    if (how === 'streamText') expect(chat[0]?.attributes['throughline.model.time_to_first_token']).toBeGreaterThan(0);
    expect(chat[0]?.events.map(({ name }) => name)).toContain('throughline.model.request_sent');
  });

  it('counts no token that it does not count by itself, and neither does a turn around it', async () => {
    await generateText({ model: bare(), prompt: 'hello', telemetry: telemetryOf() });
    // It counts the tokens of a call on the turn above it, too.
    const alone = [names(), tokens(), findings()];
    await telemetry.reset();
    await generateText({ model: language(), prompt: 'hello', telemetry: telemetryOf() });
    expect([names(), tokens(), findings()]).toEqual(alone);
    await telemetry.reset();
    await runAgent('a', () => generateText({ model: language(), prompt: 'hello', telemetry: telemetryOf() }));
    expect(telemetry.find('invoke_agent a').attributes).toMatchObject({
      'throughline.turn.model_calls': 1,
      'throughline.turn.input_tokens': 100,
    });
  });

  it('has one span where the SDK tries again, with the number of attempts', async () => {
    model.next({ fail: { by: 'status', status: 429, retryAfterMs: 20 } });
    await generateText({ model: language(), prompt: 'hello', telemetry: telemetryOf() });
    const chat = telemetry.spans().filter(({ attributes }) => attributes['gen_ai.operation.name'] === 'chat');
    expect(chat).toHaveLength(1);
    expect(chat[0]?.attributes).toMatchObject({ 'throughline.model.attempts': 2 });
    expect(chat[0]?.attributes['throughline.model.retry.wait']).toBeGreaterThan(0);
  });
});
