import { readFileSync } from 'node:fs';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { SimpleChatModel } from '@langchain/core/language_models/chat_models';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { tool } from '@langchain/core/tools';
import { Annotation, interrupt, MemorySaver, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createAgent, createMiddleware, FakeToolCallingModel } from 'langchain';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { traceAgent, traceMiddleware, traceModel, traceTool } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const names = () => telemetry.spans().map(({ name }) => name);
const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;
const schema = z.object({ query: z.string() });
const called = { name: 'search', args: { query: 'a' }, id: 'call-1', type: 'tool_call' as const };
const model = () => new FakeToolCallingModel({ toolCalls: [[called], []] });
const asked = { messages: [{ role: 'user' as const, content: 'a' }] };

describe('traceMiddleware()', () => {
  const middleware = [createMiddleware(traceMiddleware())] as const;

  it('gives tools and model calls spans that are active in what they run', async () => {
    let seen: string | undefined;
    const search = tool(() => ((seen = activeSpanId()), 'found'), { name: 'search', schema });
    const result = await createAgent({ model: model(), tools: [search], middleware }).invoke(asked);
    expect(result.messages.some((message) => message.text === 'found')).toBe(true);
    const step = telemetry.find('execute_tool search');
    expect(seen).toBe(step.spanContext().spanId);
    expect(step.attributes).toEqual({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
      'gen_ai.tool.call.id': 'call-1',
    });
    expect(names().filter((name) => name.startsWith('chat'))).toHaveLength(2);
    expect(telemetry.spans().map(({ kind }) => kind)).toEqual([SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.CLIENT]);
  });

  it('ends as an error with what a tool threw, which comes out as the same object', async () => {
    const { wrapToolCall } = traceMiddleware();
    const error = new RangeError('too far');
    const request = { toolCall: called };
    await expect(wrapToolCall(request, () => Promise.reject(error))).rejects.toBe(error);
    expect(telemetry.find('execute_tool search')).toMatchObject({
      attributes: { 'error.type': 'RangeError' },
      status: { code: SpanStatusCode.ERROR },
    });
  });

  it('says that a tool message tells of an error', () => {
    const { wrapToolCall } = traceMiddleware();
    const message = new ToolMessage({ content: 'no', tool_call_id: 'call-1', status: 'error' });
    expect(wrapToolCall({ toolCall: called }, () => message)).toBe(message);
    expect(telemetry.find('execute_tool search').attributes['error.type']).toBe('tool_error');
  });

  it('tells what an answer says of itself, and nothing of what it says', () => {
    const { wrapModelCall } = traceMiddleware();
    const answer = new AIMessage({
      content: 'a secret',
      id: 'r-1',
      response_metadata: { model_name: 'gpt-9-mini', finish_reason: 'stop' },
    });
    answer.usage_metadata = { input_tokens: 20, output_tokens: 10, total_tokens: 30 } as never;
    expect(wrapModelCall({ model: { model: 'gpt-9' } }, () => answer)).toBe(answer);
    expect(telemetry.find('chat gpt-9').attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-9',
      'gen_ai.response.id': 'r-1',
      'gen_ai.response.model': 'gpt-9-mini',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 10,
    });
  });

  it('takes a model of any kind', () => {
    const { wrapModelCall } = traceMiddleware();
    const broken = {
      get model(): string {
        throw new Error('broken');
      },
    };
    for (const one of ['gpt-9', undefined, 7, broken, new FakeListChatModel({ responses: [] })]) {
      expect(wrapModelCall({ model: one }, () => 'answer')).toBe('answer');
    }
    expect(telemetry.spans()).toHaveLength(5);
  });
});

describe('traceModel()', () => {
  it('gives each call a span that is active, of whatever is made of the model', async () => {
    const bare = model();
    const traced = traceModel(bare);
    expect(traced).toBeInstanceOf(FakeToolCallingModel);
    expect(traceModel(traced)).toBe(traced);
    await traced.invoke('a');
    await traced.bindTools([]).invoke('a');
    await traced.withConfig({ tags: ['x'] }).invoke('a');
    expect(names().every((name) => name.startsWith('chat'))).toBe(true);
    expect(names()).toHaveLength(3);
  });

  it('ends with a stream, and says what the answer says of itself', async () => {
    const traced = traceModel(new FakeListChatModel({ responses: ['found'] }));
    const stream = await traced.stream('a');
    expect(names()).toEqual([]);
    let text = '';
    for await (const chunk of stream) text += chunk.text;
    expect(text).toBe('found');
    expect(names()).toEqual(['chat']);
  });

  it('says what it takes', () => {
    for (const wrong of [undefined, {}, 'gpt-9']) expect(() => traceModel(wrong as never)).toThrow(/initChatModel/);
  });
});

describe('an agent that is traced by its parts does what it does bare', () => {
  interface Parts {
    ofModel<M>(one: M): M;
    ofTool<T>(one: T): T;
    ofAgent<A>(one: A): A;
  }
  const parts: Readonly<Record<'bare' | 'traced', Parts>> = {
    bare: { ofModel: <M>(one: M): M => one, ofTool: <T>(one: T): T => one, ofAgent: <A>(one: A): A => one },
    traced: { ofModel: traceModel, ofTool: traceTool, ofAgent: traceAgent } as never,
  };

  it.each(Object.keys(parts) as (keyof typeof parts)[])(
    '%s: a tool that throws is told to the model',
    async (which) => {
      const { ofModel, ofTool, ofAgent } = parts[which];
      const fails = tool(
        () => {
          throw new RangeError('too far');
        },
        { name: 'search', schema },
      );
      const agent = ofAgent(createAgent({ model: ofModel(model()), tools: [ofTool(fails)] }));
      const { messages } = await agent.invoke(asked);
      expect(messages.find((message) => message.type === 'tool')?.text).toContain('too far');
      if (which === 'traced') expect(telemetry.find('execute_tool search').attributes['error.type']).toBe('RangeError');
    },
  );

  it.each(Object.keys(parts) as (keyof typeof parts)[])('%s: what a model throws is the same object', async (which) => {
    const { ofModel, ofAgent } = parts[which];
    const error = new RangeError('too far');
    class Broken extends SimpleChatModel {
      _llmType(): string {
        return 'broken';
      }

      override bindTools(): this {
        return this;
      }

      _call(): Promise<string> {
        return Promise.reject(error);
      }
    }
    const broken = new Broken({});
    const agent = ofAgent(createAgent({ model: ofModel(broken), tools: [] }));
    await expect(agent.invoke(asked)).rejects.toBe(error);
    if (which === 'traced') {
      expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual(['RangeError', 'RangeError']);
    }
  });

  it.each(Object.keys(parts) as (keyof typeof parts)[])('%s: telemetry that throws changes nothing', async (which) => {
    const { ofModel, ofTool, ofAgent } = parts[which];
    const broken = {
      getTracer: () => ({
        startSpan: () => {
          throw new Error('broken');
        },
      }),
    };
    const options = { tracerProvider: broken } as never;
    const search = tool(() => 'found', { name: 'search', schema });
    const wrap = <T>(fn: (one: T, options?: never) => T, one: T): T => fn(one, options);
    const agent = wrap(ofAgent, createAgent({ model: wrap(ofModel, model()), tools: [wrap(ofTool, search)] }));
    const { messages } = await agent.invoke(asked);
    expect(messages.some((message) => message.text === 'found')).toBe(true);
    expect(telemetry.spans()).toEqual([]);
  });

  it('beside a handler of callbacks each step has one span of ours', async () => {
    const heard: string[] = [];
    const handler = {
      handleToolStart: () => void heard.push('tool'),
      handleChatModelStart: () => void heard.push('chat'),
    };
    const search = tool(() => 'found', { name: 'search', schema });
    const agent = traceAgent(createAgent({ model: traceModel(model()), tools: [traceTool(search)], name: 'desk' }));
    await agent.invoke(asked, { callbacks: [handler] });
    expect(heard).toEqual(['chat', 'tool', 'chat']);
    expect(names().map((name) => name.split(' ')[0])).toEqual(['chat', 'execute_tool', 'chat', 'invoke_agent']);
  });
});

describe('traceAgent()', () => {
  const State = Annotation.Root({ text: Annotation<string>() });
  const graph = (node: () => string) =>
    new StateGraph(State)
      .addNode('node', () => ({ text: node() }))
      .addEdge(START, 'node')
      .compile({ checkpointer: new MemorySaver() });
  const config = { configurable: { thread_id: 'thread-1' } };

  it('gives a run a span that is active, and the agent its name', async () => {
    let seen: string | undefined;
    const agent = traceAgent(
      graph(() => ((seen = activeSpanId()), 'done')),
      { name: 'planner' },
    );
    expect(await agent.invoke({ text: 'a' }, config)).toEqual({ text: 'done' });
    const turn = telemetry.find('invoke_agent planner');
    expect(seen).toBe(turn.spanContext().spanId);
    expect(turn.attributes).toMatchObject({ 'gen_ai.agent.name': 'planner', 'gen_ai.conversation.id': 'thread-1' });
  });

  it('is named as it was made, and is of the same type', () => {
    const agent = createAgent({ model: model(), tools: [], name: 'desk' });
    const traced = traceAgent(agent);
    expect(traced).toBeInstanceOf(agent.constructor);
    expect(traceAgent(traced)).toBe(traced);
  });

  it('ends with the run of a stream, not with the call', async () => {
    const agent = traceAgent(
      graph(() => 'done'),
      { name: 'planner' },
    );
    const stream = await agent.stream({ text: 'a' }, config);
    expect(names()).toEqual([]);
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual([{ node: { text: 'done' } }]);
    expect(names()).toEqual(['invoke_agent planner']);
  });

  it('ends as an error where the run fails, streamed or not', async () => {
    const error = new RangeError('too far');
    const fails = (): string => {
      throw error;
    };
    const agent = traceAgent(graph(fails), { name: 'planner' });
    await expect(agent.invoke({ text: 'a' }, config)).rejects.toBe(error);
    const read = async (): Promise<void> => {
      for await (const _ of await agent.stream({ text: 'a' }, { configurable: { thread_id: 'thread-2' } }));
    };
    await expect(read()).rejects.toBe(error);
    expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual(['RangeError', 'RangeError']);
  });

  it('is no error where the run is interrupted', async () => {
    const agent = traceAgent(
      graph(() => interrupt('May I?')),
      { name: 'planner' },
    );
    await agent.invoke({ text: 'a' }, config);
    expect(telemetry.find('invoke_agent planner').status.code).toBe(SpanStatusCode.UNSET);
  });

  it('says what it takes', () => {
    for (const wrong of [undefined, {}, () => {}]) expect(() => traceAgent(wrong as never)).toThrow(/createAgent/);
  });
});

describe('traceTool()', () => {
  it('gives the tools of a graph of one’s own a span that is active', async () => {
    let seen: string | undefined;
    const search = traceTool(tool(() => ((seen = activeSpanId()), 'found'), { name: 'search', schema }));
    const node = new ToolNode([search]);
    const { messages } = (await node.invoke({
      messages: [new AIMessage({ content: '', tool_calls: [called] })],
    })) as { messages: ToolMessage[] };
    expect(messages[0]?.text).toBe('found');
    expect(telemetry.find('execute_tool search').attributes['gen_ai.tool.call.id']).toBe('call-1');
    expect(seen).toBe(telemetry.find('execute_tool search').spanContext().spanId);
    expect(traceTool(search)).toBe(search);
  });

  it('says what it takes', () => {
    for (const wrong of [undefined, {}, { name: 'search' }])
      expect(() => traceTool(wrong as never)).toThrow(/tool\(fn/);
  });
});

it('the README shows code of the example', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const service = readFileSync(new URL('../../../examples/langchain/src/service.ts', import.meta.url), 'utf8');
  for (const line of ['(await mcp.getTools(name)).map((one) => traceTool(one))', 'traceModel(new ChatOpenAI({']) {
    expect(service).toContain(line);
    expect(readme).toContain(line);
  }
});
