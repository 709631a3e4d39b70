import { tracedProcessor, traceBullMQ } from '@throughline/bullmq';
import type { BullMQTelemetry } from '@throughline/bullmq';
import { Queue, Worker } from 'bullmq';
import { broker, endsOf, queueName } from './road.ts';
import type { OpenRoad } from './road.ts';

/** Two queues in Redis. A worker of each analyst takes one job at a time. */
export const openBullmq: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'bullmq');
  const { hostname: host, port } = new URL(broker());
  const connection = { host, port: Number(port) };
  const prefix = `{${queueName('tasks')}}`;
  const isMaker = member.sends === 'tasks';
  const telemetry = telemetryOf(sender(traceBullMQ), { ...sending, reply: !isMaker });
  const queue = new Queue(queueName(member.sends), { connection, prefix, ...telemetry });
  let worker: Worker | undefined;
  return {
    async send(texts) {
      await queue.addBulk(texts.map((text) => ({ name: member.sends, data: text, opts: {} })));
    },
    async receive(handle) {
      const process = receiver(tracedProcessor)(async ({ data }: { readonly data: string }) => {
        const answer = await handle(data);
        if (answer !== undefined) await queue.add(member.sends, answer);
      }, member.options);
      const received = telemetryOf(receiver(traceBullMQ), member.options);
      worker = new Worker(queueName(member.receives), process, { connection, prefix, ...received });
      await worker.waitUntilReady();
    },
    async close() {
      await worker?.close();
      if (isMaker) await queue.obliterate({ force: true });
      await queue.close();
    },
  };
};

/** What a queue or worker is given, nothing where its end has no adapter. */
function telemetryOf(
  trace: (options: never) => unknown,
  options: object,
): { readonly telemetry: BullMQTelemetry } | undefined {
  const telemetry = trace(options as never);
  return telemetry === options ? undefined : { telemetry: telemetry as BullMQTelemetry };
}
