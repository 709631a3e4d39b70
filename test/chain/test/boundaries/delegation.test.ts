import { trace } from '@opentelemetry/api';
import { currentLineage, withAttempt } from '@throughline/core';
import type { LineageOptions } from '@throughline/core';
import { createTopics, kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import express from 'express';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Delegates, isRefusal } from './agents.ts';
import type { Door, Outcome } from './agents.ts';
import { listen } from './loopback.ts';

const available = await kafkaAvailability();

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

let topics = 0;

describe.skipIf(available.missing)(`agents that ask one another${available.note}`, () => {
  let broker: RunningKafka;
  let kafka: Kafka;
  beforeAll(async () => {
    broker = await startKafka();
    kafka = new Kafka({ brokers: broker.brokers, clientId: 'agents', logLevel: logLevel.NOTHING });
  });
  afterAll(() => broker?.stop());

  async function newTopics(): Promise<{ A: string; B: string }> {
    const names = { A: `to-a-${process.pid}-${topics}`, B: `to-b-${process.pid}-${topics++}` };
    const admin = kafka.admin();
    await admin.connect();
    await createTopics(
      admin,
      Object.values(names).map((topic) => ({ topic, numPartitions: 1 })),
    );
    await admin.disconnect();
    return names;
  }

  async function run(doors: readonly Door[], lineage: LineageOptions, most: number): Promise<Outcome> {
    const delegates = new Delegates(doors, most);
    await delegates.open(lineage, kafka, doors.includes('kafka') ? await newTopics() : { A: '', B: '' });
    try {
      return await trace.getTracer('user').startActiveSpan('turn', async (turn) => {
        try {
          return await delegates.start();
        } finally {
          turn.end();
        }
      });
    } finally {
      await delegates.close();
    }
  }

  const ways: [string, Door[]][] = [
    ['over HTTP', ['http']],
    ['over Kafka', ['kafka']],
    ['over MCP', ['mcp']],
    ['over a schedule, in a trace of its own each time', ['schedule']],
    ['over all of them in turn', ['http', 'kafka', 'mcp', 'schedule']],
  ];

  test.each(ways)('two that delegate to each other %s stop at the limit in enforce mode', async (_, doors) => {
    const { hops, stopped, refusal } = await run(doors, { mode: 'enforce', maxHops: 9 }, 100);
    expect(stopped).toBe('refused');
    expect(hops).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(isRefusal(refusal), JSON.stringify(refusal)).toBe(true);
    expect(Object.keys(await telemetry.hops()).filter((key) => key.endsWith('refused'))).toHaveLength(1);
  });

  test.each(ways)('two that delegate to each other %s show the cycle in observe mode', async (_, doors) => {
    const { hops, stopped } = await run(doors, { maxHops: 9 }, 15);
    expect(stopped).toBe('let go');
    expect(hops).toEqual(Array.from({ length: 15 }, (__, at) => at + 1));
    const spans = telemetry.spans();
    expect(spans.filter((span) => span.attributes['throughline.lineage.cycle'] === true).length).toBeGreaterThanOrEqual(
      13,
    );
    // Past the limit: the tenth to the fifteenth, as they are sent and as they arrive.
    const exceeded = spans.flatMap(({ events }) =>
      events.filter(({ name }) => name === 'throughline.lineage.exceeded'),
    );
    expect(exceeded).toHaveLength(12);
    expect(Object.keys(await telemetry.hops()).filter((key) => key.endsWith('refused'))).toEqual([]);
  });

  test(
    'a planner that asks an analyst 1,000 times and gets 1,000 replies is never refused for hops',
    { timeout: 120_000 },
    async () => {
      const names = await newTopics();
      const lineage = { mode: 'enforce', maxHops: 4 } as const;
      const planner = { agent: 'planner', lineage };
      const analyst = { agent: 'analyst', lineage };
      const asks = traceProducer(kafka.producer(), planner);
      const replies = traceProducer(kafka.producer(), analyst);
      const questions = traceConsumer(kafka.consumer({ groupId: names.A, maxWaitTimeInMs: 5 }), analyst);
      const answers = traceConsumer(kafka.consumer({ groupId: names.B, maxWaitTimeInMs: 5 }), planner);
      await Promise.all([asks, replies, questions, answers].map((client) => client.connect()));
      await questions.subscribe({ topics: [names.A], fromBeginning: true });
      await answers.subscribe({ topics: [names.B], fromBeginning: true });
      const ask = () => asks.send({ topic: names.A, messages: [{ value: 'why?' }] });
      const depths = new Set<number | undefined>();
      let replied = 0;
      await questions.run({
        eachMessage: async () =>
          void (await replies.send({ topic: names.B, messages: [{ value: 'because' }], reply: true })),
      });
      await new Promise<void>((resolve, reject) => {
        // Each reply is the cause of the next question: one chain, a thousand questions long.
        const eachMessage = async (): Promise<void> => {
          depths.add(currentLineage()?.hops);
          if (++replied === 1000) resolve();
          else await ask();
        };
        answers.run({ eachMessage }).catch(reject);
        trace.getTracer('user').startActiveSpan('turn', (turn) => {
          ask().catch(reject);
          turn.end();
        });
      });
      await Promise.all([asks, replies, questions, answers].map((client) => client.disconnect()));
      expect([replied, depths]).toEqual([1000, new Set([0])]);
      expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    },
  );
});

describe('a loop that calls one tool 1,000 times', () => {
  async function loop(lineage: LineageOptions): Promise<{ done: number; refused: unknown[] }> {
    const server = new McpServer({ name: 'tools', version: '1.0.0' });
    let done = 0;
    server.registerTool('search', {}, () => {
      done++;
      return { content: [{ type: 'text', text: 'nothing' }] };
    });
    const client = traceClient(new Client({ name: 'planner', version: '1.0.0' }), { lineage });
    const [one, two] = InMemoryTransport.createLinkedPair();
    await traceServer(server).connect(two);
    await client.connect(one);
    const refused: unknown[] = [];
    const app = express();
    app.use(traceContext({ lineage }));
    app.get('/plan', async (_req, res) => {
      for (let call = 0; call < 1000; call++) {
        const result = await client.callTool({ name: 'search' });
        if (result.isError === true) refused.push(result);
      }
      res.end();
    });
    const service = await listen(app);
    await traceFetch()(`http://127.0.0.1:${service.port}/plan`);
    await service.close();
    await client.close();
    return { done, refused };
  }

  test('is stopped by maxCalls at depth one, in words that a model can act on', async () => {
    const { done, refused } = await loop({ mode: 'enforce', maxCalls: 50 });
    expect([done, refused.length]).toEqual([50, 950]);
    expect(refused[0]).toMatchObject({
      isError: true,
      content: [
        {
          type: 'text',
          text: expect.stringMatching(/calls were made for one request.*answer with what you have/) as string,
        },
      ],
    });
  });

  test('in observe mode is an event', async () => {
    const { done, refused } = await loop({ maxCalls: 50 });
    expect([done, refused.length]).toEqual([1000, 0]);
    const events = telemetry.spans().flatMap((span) => span.events);
    expect(events).toHaveLength(950);
    expect(events[0]).toMatchObject({
      name: 'throughline.lineage.exceeded',
      attributes: { 'throughline.lineage.reason': 'calls' },
    });
  });
});

test('two services that retry three times each show nine attempts under one cause', async () => {
  const leaf = express();
  leaf.use(traceContext());
  leaf.get('/', (_req, res) => void res.status(503).end());
  const last = await listen(leaf);
  const fetch = traceFetch();
  const retrying = async (url: string): Promise<number> => {
    let status = 0;
    for (let attempt = 1; attempt <= 3 && status !== 200; attempt++)
      ({ status } = await withAttempt(attempt, () => fetch(url)));
    return status;
  };
  const middle = express();
  middle.use(traceContext());
  middle.get('/', async (_req, res) => void res.status(await retrying(`http://127.0.0.1:${last.port}/`)).end());
  const first = await listen(middle);
  await trace.getTracer('user').startActiveSpan('turn', async (turn) => {
    await retrying(`http://127.0.0.1:${first.port}/`);
    turn.end();
  });
  await first.close();
  await last.close();
  const spans = telemetry.spans();
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
  const atLeaf = spans.filter((span) => span.attributes['throughline.lineage.hops'] === 2);
  expect(atLeaf.map((span) => span.attributes['throughline.lineage.attempt'] ?? 1)).toEqual([
    1, 2, 3, 2, 4, 6, 3, 6, 9,
  ]);
});
