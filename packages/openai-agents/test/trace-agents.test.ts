import { setTimeout as delay } from 'node:timers/promises';
import {
  addTraceProcessor,
  Agent,
  createCustomSpan,
  dispatchSpan,
  getGlobalTraceProvider,
  run,
  Runner,
  setTraceProcessors,
  setTracingContextStorage,
  setTracingDisabled,
  tool,
  Usage,
  withCustomSpan,
  withGenerationSpan,
  withTrace,
} from '@openai/agents-core';
import type { AgentOutputItem, Model, ModelResponse } from '@openai/agents-core';
import { context, diag, DiagLogLevel, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { suppressTracing } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { frameworkOf } from '../src/framework.ts';
import { traceAgents } from '../src/index.ts';

type Span = ReturnType<Telemetry['spans']>[number];

let telemetry: Telemetry;
let undo: () => void;
const warn = vi.fn<(message: string) => void>();
beforeEach(() => {
  telemetry = startTelemetry();
  setTracingDisabled(false);
  setTraceProcessors([]);
  delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
  diag.setLogger({ verbose() {}, debug() {}, info() {}, error() {}, warn }, DiagLogLevel.WARN);
  warn.mockClear();
  undo = traceAgents();
});
afterEach(async () => {
  undo();
  diag.disable();
  await telemetry.shutdown();
});

const warnings = (): string[] => warn.mock.calls.map(([message]) => message);

/** A model that makes these moves, one a turn: a tool to call, or a text. */
function modelOf(...moves: readonly (string | { readonly tool: string; readonly input?: object })[]): Model {
  let turn = 0;
  const answer = (): AgentOutputItem => {
    const move = moves[turn++] ?? 'done';
    if (typeof move === 'string') {
      return {
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: move }],
      };
    }
    const input = JSON.stringify(move.input ?? {});
    return { type: 'function_call', callId: `call_${turn}`, name: move.tool, arguments: input, status: 'completed' };
  };
  return {
    getResponse: () =>
      withGenerationSpan(async (span): Promise<ModelResponse> => {
        Object.assign(span.spanData, { model: 'scripted', usage: { input_tokens: 3, output_tokens: 2 } });
        return { usage: new Usage(), output: [answer()] };
      }),
    getStreamedResponse: () => {
      throw new Error('not streamed');
    },
  };
}

const nothing = z.object({});

/** The names of the spans from one up to its root. */
function pathOf(span: Span): string[] {
  const byId = new Map(telemetry.spans().map((one) => [one.spanContext().spanId, one]));
  const path: string[] = [];
  for (let at: Span | undefined = span; at !== undefined; at = byId.get(at.parentSpanContext?.spanId ?? ''))
    path.push(at.name);
  return path;
}

function named(name: string): Span {
  const found = telemetry.spans().filter((span) => span.name === name);
  expect(found, `spans called ${name}`).toHaveLength(1);
  return found[0] as Span;
}

const inTool = ['turn 1', 'invoke_agent outer', 'invoke_workflow Agent workflow', 'request'];

/** Runs an agent with one tool, which does `work`, below a span called `request`. */
async function runTool(work: () => unknown, more: Partial<ConstructorParameters<typeof Agent>[0]> = {}) {
  const own = tool({ name: 'own', description: 'own', parameters: nothing, execute: async () => work() });
  const model = modelOf({ tool: 'own' }, 'done');
  const agent = new Agent({ name: 'outer', model, tools: [own], ...(more as object) });
  return trace.getTracer('test').startActiveSpan('request', async (span) => {
    try {
      return await run(agent, 'secret question');
    } finally {
      span.end();
    }
  });
}

describe('traceAgents', () => {
  it('makes the spans of the framework active: what a tool opens is below the tool', async () => {
    await runTool(() => trace.getTracer('test').startSpan('mine').end());
    expect(pathOf(named('mine'))).toEqual(['mine', 'execute_tool own', ...inTool]);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['chat scripted', 'turn 2', 'request']),
    );
    const chat = telemetry.spans().find(({ name }) => name === 'chat scripted');
    expect(chat).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'scripted',
        'gen_ai.usage.input_tokens': 3,
        'gen_ai.usage.output_tokens': 2,
      },
    });
    expect(named('invoke_workflow Agent workflow').attributes).toEqual({
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.agent.name': 'Agent workflow',
    });
    expect(JSON.stringify(telemetry.spans().map(({ attributes }) => attributes))).not.toContain('secret');
    expect(warnings()).toEqual([]);
  });

  it('a run in a tool, in a span of your own, is below that span', async () => {
    const inner = new Agent({ name: 'inner', model: modelOf('done') });
    await runTool(() =>
      trace.getTracer('test').startActiveSpan('mine', async (span) => {
        await run(inner, 'question');
        span.end();
      }),
    );
    expect(pathOf(named('invoke_agent inner')).slice(0, 4)).toEqual([
      'invoke_agent inner',
      'invoke_workflow Agent workflow',
      'mine',
      'execute_tool own',
    ]);
  });

  it('an agent as a tool is below the tool', async () => {
    const inner = new Agent({ name: 'inner', model: modelOf('done') });
    const asked = inner.asTool({ toolName: 'own', toolDescription: 'asks' });
    await runTool(() => {}, { model: modelOf({ tool: 'own', input: { input: 'x' } }), tools: [asked] });
    expect(pathOf(named('invoke_agent inner'))).toEqual([
      'invoke_agent inner',
      'invoke_workflow Agent workflow',
      'execute_tool own',
      ...inTool,
    ]);
  });

  it('spans of your own making, and a conversation', async () => {
    await withTrace(
      'mine',
      () =>
        withCustomSpan(async () => run(new Agent({ name: 'a', model: modelOf() }), 'x'), {
          data: { name: 'look-up', data: { secret: 'x' } },
        }),
      {
        groupId: 'thread-7',
      },
    );
    expect(pathOf(named('invoke_agent a'))).toEqual(['invoke_agent a', 'invoke_workflow Agent workflow', 'look-up']);
    expect(named('invoke_agent a').attributes['gen_ai.conversation.id']).toBe('thread-7');
    expect(named('look-up').attributes).toEqual({});
  });

  it('a span that is told of when it is over has its own times', async () => {
    const startedAt = '2026-11-01T10:00:00.000Z';
    const endedAt = '2026-11-01T10:00:07.000Z';
    await withTrace('mine', async (mine) => {
      const data = { type: 'custom' as const, name: 'elsewhere', data: {} };
      await dispatchSpan(
        getGlobalTraceProvider().createSpan({ data, traceId: mine.traceId, startedAt, endedAt }, mine),
      );
    });
    const span = named('elsewhere') as unknown as Record<'startTime' | 'endTime', [number, number]>;
    expect([span.startTime[0], span.endTime[0]]).toEqual([Date.parse(startedAt) / 1000, Date.parse(endedAt) / 1000]);
  });

  it('as the second processor, behind one that takes its time', async () => {
    setTraceProcessors([]);
    const slow = async (): Promise<void> => delay(1);
    addTraceProcessor({
      onTraceStart: slow,
      onTraceEnd: slow,
      onSpanStart: slow,
      onSpanEnd: slow,
      shutdown: slow,
      forceFlush: slow,
    });
    undo();
    undo = traceAgents();
    await runTool(() => trace.getTracer('test').startSpan('mine').end());
    await vi.waitFor(() => named('invoke_workflow Agent workflow'), { timeout: 20_000 });
    expect(pathOf(named('mine'))).toEqual(['mine', 'execute_tool own', ...inTool]);
    expect(warnings()).toEqual([]);
  });

  it('a guardrail that trips is on its span and its agent is an error, whose text nobody sees', async () => {
    const guard = { name: 'manners', execute: async () => ({ tripwireTriggered: true, outputInfo: 'secret' }) };
    await expect(runTool(() => {}, { inputGuardrails: [guard] })).rejects.toThrow(/guardrail/i);
    expect(named('guardrail manners').attributes).toEqual({ 'throughline.guardrail.triggered': true });
    expect(named('invoke_agent outer')).toMatchObject({ status: { code: SpanStatusCode.ERROR } });
  });

  it('a tool that throws is an error without its text, and the agent goes on', async () => {
    const { finalOutput } = await runTool(() => {
      throw new Error('a secret');
    });
    expect(finalOutput).toBe('done');
    const span = named('execute_tool own');
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes['error.type']).toBe('_OTHER');
  });

  it('a run that stops for an approval leaves no span open, and the run that goes on has its own', async () => {
    const own = tool({
      name: 'own',
      description: 'own',
      parameters: nothing,
      needsApproval: true,
      execute: () => 'yes',
    });
    const agent = new Agent({ name: 'outer', model: modelOf({ tool: 'own' }), tools: [own] });
    const stopped = await run(agent, 'x');
    expect(stopped.interruptions).toHaveLength(1);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['invoke_agent outer', 'invoke_workflow Agent workflow']),
    );
    for (const one of stopped.interruptions) stopped.state.approve(one);
    await telemetry.reset();
    await run(agent, stopped.state);
    expect(pathOf(named('execute_tool own')).slice(-2)).toEqual([
      'invoke_agent outer',
      'invoke_workflow Agent workflow',
    ]);
  });

  it('of spans that never end, 10,000 are kept open: the oldest ends as abandoned', async () => {
    await withTrace('endless', async () => {
      for (let nth = 0; nth <= 10_000; nth++) createCustomSpan({ data: { name: `nth ${nth}`, data: {} } }).start();
    });
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['nth 0']);
    expect(named('nth 0').attributes['error.type']).toBe('abandoned');
  });

  it('under suppressed tracing there are no spans', async () => {
    await context.with(suppressTracing(context.active()), () => runTool(() => {}));
    expect(telemetry.spans()).toEqual([]);
  });

  it('without tracing of a run there are no spans, and a run in it is below what is active', async () => {
    const agent = new Agent({ name: 'outer', model: modelOf() });
    await trace.getTracer('test').startActiveSpan('request', async (span) => {
      await new Runner({ tracingDisabled: true }).run(agent, 'x');
      span.end();
    });
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['request']);
  });

  it('a tracer that throws changes nothing, and is told', async () => {
    undo();
    const broken = {
      startSpan() {
        throw new Error('broken');
      },
    } as unknown as Tracer;
    undo = traceAgents({ tracerProvider: { getTracer: () => broken } });
    const { finalOutput } = await runTool(() => trace.getTracer('test').startSpan('mine').end());
    expect(finalOutput).toBe('done');
    expect(pathOf(named('mine'))).toEqual(['mine', 'request']);
    expect(warnings()).toEqual([expect.stringContaining('a tracer of the application')]);
  });

  it('undone, it traces what runs to its end and nothing more, and can be called again', async () => {
    await runTool(() => undo());
    expect(telemetry.spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['execute_tool own', 'turn 1', 'invoke_workflow Agent workflow']),
    );
    await telemetry.reset();
    await runTool(() => {});
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['request']);
    undo = traceAgents();
    await telemetry.reset();
    await runTool(() => {});
    expect(named('execute_tool own').name).toBe('execute_tool own');
    expect(warnings()).toEqual([]);
  });

  it('called twice, it is told, and there is one span of each', async () => {
    traceAgents()();
    await runTool(() => {});
    expect(named('execute_tool own').name).toBe('execute_tool own');
    expect(warnings()).toEqual([expect.stringContaining('OpenAI Agents is traced already')]);
  });

  it('a processor that was replaced is told, and no run suffers', async () => {
    setTraceProcessors([]);
    await runTool(() => {});
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['request']);
    expect(warnings()).toEqual([expect.stringContaining('has let go of the processor')]);
    undo = traceAgents();
    await telemetry.reset();
    await runTool(() => {});
    expect(named('execute_tool own').name).toBe('execute_tool own');
  });

  it('a storage that was replaced is told', async () => {
    setTracingContextStorage(new AsyncLocalStorage());
    await runTool(() => {});
    expect(warnings()).toEqual([expect.stringContaining('keeps its context elsewhere')]);
  });

  it('tracing that is disabled is told', () => {
    undo();
    setTracingDisabled(true);
    undo = traceAgents();
    expect(warnings()).toEqual([expect.stringContaining('the tracing of OpenAI Agents is disabled')]);
  });

  it('a version without what it needs is refused, by the name of what is missing', () => {
    const fakeOld = { addTraceProcessor() {}, getGlobalTraceProvider };
    expect(() => frameworkOf(fakeOld)).toThrow(/needs `setTracingContextStorage` of @openai\/agents-core/);
  });

  it('wrong options are refused', () => {
    expect(() => traceAgents({ tracerProvder: 1 } as never)).toThrow(/Did you mean `tracerProvider`/);
    expect(() => traceAgents(7 as never)).toThrow(/takes an object/);
  });
});
