import { SpanKind } from '@opentelemetry/api';
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spansByDefault, traceClient, traceServer } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

// Experimental. In 2026-07-28 tasks are an extension, which SDK v2 does not serve yet:
// https://modelcontextprotocol.io/extensions/tasks/overview
const spec = 'https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks';

describe(`SDK v1: a task, ${spec}`, () => {
  async function run(options: McpOptions = {}): Promise<{ inFlight: number; messages: unknown[] }> {
    const store = new InMemoryTaskStore();
    const server = new McpServer(
      { name: 'desk', version: '1.0.0' },
      {
        capabilities: { tasks: { requests: { tools: { call: {} } } } },
        taskStore: store,
        taskMessageQueue: new InMemoryTaskMessageQueue(),
      },
    );
    const work: Promise<void>[] = [];
    server.experimental.tasks.registerToolTask(
      'study',
      { execution: { taskSupport: 'required' } },
      {
        async createTask(extra) {
          const task = await extra.taskStore.createTask({ ttl: 60_000, pollInterval: 20 });
          work.push(
            inSpan('work', async () => {
              await new Promise((resolve) => setTimeout(resolve, 70));
              await extra.taskStore.storeTaskResult(task.taskId, 'completed', { content: [] });
            }),
          );
          return { task };
        },
        getTask: (extra) => extra.taskStore.getTask(extra.taskId) as never,
        getTaskResult: (extra) => extra.taskStore.getTaskResult(extra.taskId) as never,
      },
    );
    const traced = traceServer(server, options);
    const client = traceClient(new Client({ name: 'agent', version: '1.0.0' }, { capabilities: {} }), options);
    const [near, far] = InMemoryTransport.createLinkedPair();
    await traced.connect(far);
    await client.connect(near);
    await client.listTools();
    await telemetry.reset();
    const messages: unknown[] = [];
    await inSpan('agent', async () => {
      const stream = client.experimental.tasks.callToolStream({ name: 'study', arguments: {} }, CallToolResultSchema, {
        task: { ttl: 60_000 },
      });
      for await (const message of stream) messages.push(message.type);
    });
    await Promise.all(work);
    const inFlight = [client.transport, traced.server.transport].reduce(
      (sum, end) => sum + (end as unknown as { [inFlightKey]: number })[inFlightKey],
      0,
    );
    await client.close();
    return { inFlight, messages };
  }
  const named = (name: string): ReadableSpan[] =>
    telemetry.spans().filter((span) => span.name === name && span.kind === SpanKind.CLIENT);

  test('is submitted, polled and fetched in one chain, and its work is a child of the submission', async () => {
    const { inFlight, messages } = await run();
    expect(messages[0]).toBe('taskCreated');
    expect(messages.at(-1)).toBe('result');
    const agent = telemetry.find('agent').spanContext();
    const submit = spanOf(telemetry, 'tools/call study', SpanKind.SERVER);
    expect(parentOf(telemetry.find('work'))).toBe(submit.spanContext().spanId);
    for (const name of ['tools/call study', 'tasks/get', 'tasks/result']) {
      expect(named(name).length).toBeGreaterThan(0);
      for (const span of named(name)) {
        expect(parentOf(span)).toBe(agent.spanId);
        expect(span.attributes).not.toHaveProperty('error.type');
      }
    }
    // The submission ends with its handle, before the work does.
    expect(submit.endTime[0] * 1e9 + submit.endTime[1]).toBeLessThan(
      telemetry.find('work').endTime[0] * 1e9 + telemetry.find('work').endTime[1],
    );
    for (const span of telemetry.spans()) expect(span.spanContext().traceId).toBe(agent.traceId);
    expect(inFlight).toBe(0);
  });

  test('has its polls filtered by spanFor, and stays one chain', async () => {
    await run({ spanFor: (method) => spansByDefault(method) && method !== 'tasks/get' });
    expect(named('tasks/get')).toEqual([]);
    expect(named('tasks/result')).toHaveLength(1);
    const { traceId } = telemetry.find('agent').spanContext();
    for (const span of telemetry.spans()) expect(span.spanContext().traceId).toBe(traceId);
  });
});
