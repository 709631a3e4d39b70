import { setImmediate } from 'node:timers/promises';
import { createTopics } from '@throughline/servers';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import express from 'express';
import { connect, startBroker } from '../kafka.ts';
import { overHttp } from '../mcp-links.ts';
import type { Link } from '../mcp-links.ts';
import type { Tools } from '../mcp-sdks.ts';
import { options } from '../options.ts';
import type { Scenario, Soak } from '../scenario.ts';
import { serve } from '../serve.ts';

const AT_ONCE = 1000;
// A small step in between for each measurement of the heap.
const STEPS = [AT_ONCE, ...Array.from({ length: 9 }, () => 100)];
const PARTITIONS = 8;
const TOPIC = 'tasks';

/** A thousand chains at once over HTTP, Kafka and MCP, each of which says its name at every hop. */
export const scenario: Scenario = {
  name: 'chains',
  unit: 'chains',
  count: 20_000,
  least: AT_ONCE,
  async start(soak) {
    const broker = await startBroker();
    const kafka = connect(broker.brokers);
    const admin = kafka.admin();
    await admin.connect();
    await createTopics(admin, [{ topic: TOPIC, numPartitions: PARTITIONS }]);
    await admin.disconnect();
    const producer = traceProducer(kafka.producer(), options);
    await producer.connect();
    let tools: Link | undefined;
    const waiting = new Map<string, (answer: string) => void>();
    const consumer = traceConsumer(kafka.consumer({ groupId: 'analysts', maxWaitTimeInMs: 50 }), options);
    await consumer.connect();
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
    await consumer.run({
      partitionsConsumedConcurrently: PARTITIONS,
      // All messages of a batch at once, each in its own chain.
      eachBatch: async ({ batch, runWith }) => {
        const handled = batch.messages.map((message) =>
          runWith(message, async () => {
            const chain = String(message.value);
            soak.here(chain, 'Kafka handler');
            const content = (await tools?.call('work', chain))?.content;
            soak.here(chain, 'Kafka handler after the tool');
            waiting.get(chain)?.(content?.[0]?.text ?? '');
          }),
        );
        await Promise.all(handled);
      },
    });

    const app = express();
    app.use(traceContext(options));
    app.post('/chains/:chain', async ({ params: { chain } }, response) => {
      soak.here(chain, 'HTTP handler');
      const answer = new Promise<string>((resolve) => waiting.set(chain, resolve));
      await producer.send({ topic: TOPIC, messages: [{ key: chain, value: chain }] });
      soak.here(chain, 'HTTP handler that has sent');
      response.send(await answer);
      soak.here(chain, 'HTTP handler that has answered');
      waiting.delete(chain);
    });
    const tracedFetch = traceFetch(undefined, options);
    const ask = async (origin: string, chain: string): Promise<void> => {
      const response = await tracedFetch(`${origin}/chains/${chain}`, { method: 'POST' });
      const answer = await response.text();
      soak.here(chain, 'caller');
      if (answer !== chain) soak.differs(`chain ${chain} had the answer '${answer}'`);
    };
    let step = 0;
    return {
      async step() {
        const count = STEPS[step++ % STEPS.length] ?? AT_ONCE;
        // Servers of its own: the connections of a thousand at once would stay, and pass for a leak.
        tools = await overHttp(soak, toolsOf(soak));
        const { origin, close } = await serve(app);
        await Promise.all(Array.from({ length: count }, () => soak.chain((chain) => ask(origin, chain))));
        await close();
        await tools.close();
        return count;
      },
      async stop() {
        await consumer.disconnect();
        await producer.disconnect();
        await broker.stop();
      },
    };
  },
};

function toolsOf(soak: Soak): Tools {
  return {
    work: async ({ chain }) => {
      soak.here(chain, 'tool');
      await setImmediate();
      soak.here(chain, 'tool after a while');
      return chain;
    },
  };
}
