import { ROOT_CONTEXT, context } from '@opentelemetry/api';
import { currentLineage, isLineageError, resumeTrace, saveTrace } from '@throughline/core';
import type { HopOptions, LineageOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { traceClient, traceServer } from '@throughline/mcp';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import express from 'express';
import type { Consumer, Kafka, Producer } from 'kafkajs';
import { listen } from './loopback.ts';
import type { Listening } from './loopback.ts';

/** The ways in which one agent asks another. `schedule` saves a handle, and a timer of the other resumes it in a trace of its own. */
export type Door = 'http' | 'kafka' | 'mcp' | 'schedule';

/** What came of a chain of delegations. */
export interface Outcome {
  /** The hop count that each agent saw, in order. */
  readonly hops: number[];
  /** Why the chain stopped: refused, or at the number of visits that the test lets it have. */
  readonly stopped: 'refused' | 'let go';
  /** What the one who was refused got. */
  readonly refusal: unknown;
}

/** Two agents that delegate to each other without end, over the doors that the test says. */
export class Delegates {
  readonly #doors: readonly Door[];
  readonly #most: number;
  readonly #hops: number[] = [];
  readonly #closing: (() => Promise<unknown> | undefined)[] = [];
  readonly #ask: Record<'A' | 'B', Partial<Record<Door, () => Promise<unknown>>>> = { A: {}, B: {} };
  #stop: ((outcome: Outcome) => void) | undefined;

  constructor(doors: readonly Door[], most: number) {
    this.#doors = doors;
    this.#most = most;
  }

  async open(lineage: LineageOptions, kafka: Kafka | undefined, topics: { A: string; B: string }): Promise<void> {
    for (const name of ['A', 'B'] as const) {
      const other = name === 'A' ? 'B' : 'A';
      const options: HopOptions = { agent: name, lineage };
      const caller: HopOptions = { agent: other, lineage };
      const visit = (): Promise<void> => this.#visit(name);
      if (this.#doors.includes('http')) await this.#openHttp(name, options, caller, visit);
      if (this.#doors.includes('mcp')) await this.#openMcp(name, options, caller, visit);
      if (this.#doors.includes('kafka') && kafka !== undefined)
        await this.#openKafka(name, options, caller, visit, kafka, topics[name]);
      this.#ask[name].schedule = async () => {
        const handle = saveTrace(caller);
        setTimeout(() => {
          context
            .with(ROOT_CONTEXT, () => resumeTrace(handle, 'scheduled', visit, { relation: 'link', ...options }))
            .catch((error: unknown) => this.#refused(error));
        }, 1);
      };
    }
  }

  /** Asks A, under the caller's own span, and resolves once the chain has stopped. */
  async start(): Promise<Outcome> {
    const outcome = new Promise<Outcome>((resolve) => (this.#stop = resolve));
    await this.#delegate('A', 0);
    return outcome;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  async #visit(name: 'A' | 'B'): Promise<void> {
    this.#hops.push(currentLineage()?.hops ?? -1);
    if (this.#hops.length >= this.#most)
      return this.#stop?.({ hops: this.#hops, stopped: 'let go', refusal: undefined });
    await this.#delegate(name === 'A' ? 'B' : 'A', this.#hops.length);
  }

  async #delegate(to: 'A' | 'B', step: number): Promise<void> {
    try {
      await this.#ask[to][this.#doors[step % this.#doors.length] as Door]?.();
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(refusal: unknown): void {
    this.#stop?.({ hops: this.#hops, stopped: 'refused', refusal });
  }

  async #openHttp(name: 'A' | 'B', options: HopOptions, caller: HopOptions, visit: () => Promise<void>): Promise<void> {
    const app = express();
    app.use(traceContext(options));
    app.post('/delegate', async (_req, res) => {
      await visit();
      res.end();
    });
    const server: Listening = await listen(app);
    this.#closing.push(() => server.close());
    const fetch = traceFetch(globalThis.fetch, caller);
    this.#ask[name].http = async () => {
      const response = await fetch(`http://127.0.0.1:${server.port}/delegate`, { method: 'POST' });
      if (!response.ok) throw await response.json();
    };
  }

  async #openMcp(name: 'A' | 'B', options: HopOptions, caller: HopOptions, visit: () => Promise<void>): Promise<void> {
    const server = new McpServer({ name, version: '1.0.0' });
    server.registerTool('delegate', {}, async () => {
      await visit();
      return { content: [] };
    });
    const client = traceClient(new Client({ name: 'other', version: '1.0.0' }), caller);
    const [one, two] = InMemoryTransport.createLinkedPair();
    await traceServer(server, options).connect(two);
    await client.connect(one);
    this.#closing.push(() => client.close());
    this.#ask[name].mcp = async () => {
      const result = await client.callTool({ name: 'delegate' });
      if (result.isError === true) throw result;
    };
  }

  async #openKafka(
    name: 'A' | 'B',
    options: HopOptions,
    caller: HopOptions,
    visit: () => Promise<void>,
    kafka: Kafka,
    topic: string,
  ): Promise<void> {
    const producer: Producer = traceProducer(kafka.producer(), caller);
    const consumer: Consumer = traceConsumer(kafka.consumer({ groupId: topic, maxWaitTimeInMs: 20 }), {
      ...options,
      onRefused: (refused) => this.#refused(refused.error),
    });
    await producer.connect();
    await consumer.connect();
    this.#closing.push(
      () => consumer.disconnect(),
      () => producer.disconnect(),
    );
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: visit });
    this.#ask[name].kafka = () => producer.send({ topic, messages: [{ value: 'delegate' }] });
  }
}

/** Whether what came back is a refusal, in the terms of any door. */
export function isRefusal(refusal: unknown): boolean {
  if (isLineageError(refusal)) return refusal.reason === 'hops';
  const { type, isError } = refusal as { type?: unknown; isError?: unknown };
  return type === 'urn:throughline:refused:hops' || isError === true;
}
