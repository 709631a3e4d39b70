import { traceChannel } from '@throughline/amqplib';
import { connect } from 'amqplib';
import type { ConsumeMessage } from 'amqplib';
import { broker, endsOf, queueName } from './road.ts';
import type { OpenRoad } from './road.ts';

/** Two queues, with a channel that has messages confirmed. Each analyst takes one task at a time. */
export const openRabbitmq: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'rabbitmq');
  const connection = await connect(broker());
  const channel = await connection.createConfirmChannel();
  const out = sender(traceChannel)(channel, sending);
  const into = receiver(traceChannel)(channel, member.options);
  const isMaker = member.sends === 'tasks';
  for (const queue of ['tasks', 'results'] as const) await channel.assertQueue(queueName(queue));
  await channel.prefetch(1);
  return {
    async send(texts) {
      const replyTo = queueName('results');
      for (const text of texts) out.sendToQueue(queueName(member.sends), Buffer.from(text), { replyTo });
      await channel.waitForConfirms();
    },
    async receive(handle) {
      const answered = async (message: ConsumeMessage): Promise<void> => {
        const answer = await handle(message.content.toString());
        const { replyTo } = message.properties as { readonly replyTo?: string };
        if (answer !== undefined && replyTo !== undefined) out.sendToQueue(replyTo, Buffer.from(answer));
        into.ack(message);
      };
      await into.consume(queueName(member.receives), (message) => {
        if (message !== null) void answered(message);
      });
    },
    async close() {
      await channel.close();
      if (isMaker) {
        const last = await connection.createChannel();
        for (const queue of ['tasks', 'results'] as const) await last.deleteQueue(queueName(queue));
      }
      await connection.close();
    },
  };
};
