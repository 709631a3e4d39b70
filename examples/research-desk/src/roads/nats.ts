import { connect } from '@nats-io/transport-node';
import { traceNats } from '@throughline/nats';
import { broker, endsOf, queueName } from './road.ts';
import type { OpenRoad } from './road.ts';

/** Two subjects: of tasks, which a queue group shares, and of results, where tasks say that their answers go. */
export const openNats: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'nats');
  const connection = await connect({ servers: broker(), name: member.name });
  const out = sender(traceNats)(connection, sending);
  // Answers go out by the connection that their tasks came in by.
  const into = receiver(traceNats)(connection, sending);
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
          if (answer !== undefined) message.respond(answer);
        }
      })();
      await connection.flush();
    },
    close: () => connection.drain(),
  };
};
