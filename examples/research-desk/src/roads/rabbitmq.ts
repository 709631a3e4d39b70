import { traceChannel } from '@throughline/amqplib';
import { connect } from 'amqplib';
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
      for (const text of texts)
        out.sendToQueue(queueName(member.sends), Buffer.from(text), { replyTo, correlationId: 'desk' });
      await channel.waitForConfirms();
    },
    async receive(handle) {
      await into.consume(queueName(member.receives), (message) => {
        if (message === null) return;
        void handle(message.content.toString()).then((answer) => {
          const { replyTo = '', correlationId } = message.properties as { replyTo?: string; correlationId?: string };
          if (answer !== undefined) out.sendToQueue(replyTo, Buffer.from(answer), { correlationId });
          into.ack(message);
        });
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
