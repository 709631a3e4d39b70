import { connect } from '@nats-io/transport-node';
import { traceNats } from '@throughline/nats';
import { broker, endsOf, queueName } from './road.ts';
import type { OpenRoad } from './road.ts';

/** Two subjects: of tasks, which a queue group shares, and of results, where tasks say that their answers go. */
export const openNats: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'nats');
  const connection = await connect({ servers: broker(), name: member.name });
  const out = sender(traceNats)(connection, sending);
  const into = receiver(traceNats)(connection, member.options);
  return {
    async send(texts) {
      for (const text of texts) out.publish(queueName(member.sends), text, { reply: queueName('results') });
      await connection.flush();
    },
    async receive(handle) {
      const subscription = into.subscribe(queueName(member.receives), { queue: member.receives });
      void (async () => {
        for await (const message of subscription) {
          const answer = await handle(message.string());
          // By the connection of the end that sends, so that either can be left out.
          if (answer !== undefined && message.reply !== undefined) out.publish(message.reply, answer);
        }
      })();
      await connection.flush();
    },
    close: () => connection.drain(),
  };
};
