import { randomBytes } from 'node:crypto';
import { createTopics, startKafka } from '@throughline/servers';
import kafkajs from 'kafkajs';
import { added, measure, median } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import type { Subject } from '../subject.ts';
import type { DeskVariant } from './tracing.ts';

const variants: readonly DeskVariant[] = ['bare', 'ours', 'ours, no spans', 'auto-instrumentations'];
const AT_ONCE = 8;

/** CPU of all processes for one question through a whole desk. */
export async function desk(effort: Effort): Promise<Report> {
  await using broker = await startKafka({ need: 'apache' });
  const topic = `desk-${randomBytes(4).toString('hex')}`;
  const admin = new kafkajs.Kafka({ brokers: broker.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = variants.map((variant) => ({
    topic: `${topic}.${variant.replaceAll(/\W+/g, '-')}`,
    numPartitions: 1,
  }));
  await createTopics(admin, topics);
  await admin.disconnect();
  // Five processes each: more sets of them would take half an hour.
  const costs = await measure(
    new URL('crew.ts', import.meta.url),
    variants,
    200,
    { ...effort, processes: 1 },
    {
      warmUp: 2500,
      drive: load,
      args: [broker.brokers.join(), topic],
    },
  );
  const over = (name: DeskVariant): number => added(costs[name], costs.bare);
  const theirs = over('auto-instrumentations');
  const opponent = 'all of `auto-instrumentations-node`, as they come';
  return {
    title: 'desk',
    method: `CPU a question of all five processes over that of the bare ones: Express → fetch → Express → Kafka → consumer → MCP over Streamable HTTP and over stdio. ${AT_ONCE} questions at once, a desk of its own for each variant on one broker, whose CPU does not count.`,
    results: [
      { what: 'a question through the desk', opponent, ours: over('ours'), theirs, target: 0.5 },
      { what: 'the same with `spans: false`', opponent, ours: over('ours, no spans'), theirs },
    ],
    notes: [
      `Bare: ${median(costs.bare.rounds).toFixed(0)} µs.`,
      `Spans a question: ${variants.map((name) => `${name} ${costs[name].spans.toFixed(2)}`).join(', ')}. The instrumentations trace neither MCP hop as one, and lose the context at both.`,
      'Its floor: four of our nine spans are of MCP, and more than half of the cost is in the processes that have them. The instrumentations trace none of that.',
    ],
  };
}

async function load(subject: Subject, count: number): Promise<void> {
  let left = count;
  const ask = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await fetch(`${String(subject.ready)}/questions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ question: 'Which context does a Kafka handler run in?' }),
      });
      if (answer.status !== 202) throw new Error(`the gateway answered ${answer.status}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all([subject.run(count), ...Array.from({ length: AT_ONCE }, ask)]);
}
