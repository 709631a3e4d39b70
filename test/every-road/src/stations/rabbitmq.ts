import { traceChannel } from '@throughline/amqplib';
import { traceNats } from '@throughline/nats';
import { connect as connectNats } from '@nats-io/transport-node';
import { connect } from 'amqplib';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';

/** Takes tasks off RabbitMQ, and asks for each over NATS. */
export async function start(): Promise<Station> {
  const options = { agent: 'rabbitmq' };
  const nats = traceNats(await connectNats({ servers: setting('NATS_URL') }), options);
  const connection = await connect(setting('AMQP_URL'));
  const channel = traceChannel(await connection.createChannel(), options);
  await channel.assertExchange('desk', 'topic');
  await channel.assertQueue('tasks');
  await channel.bindQueue('tasks', 'desk', 'task.*');
  await channel.consume('tasks', (message) => {
    if (message === null) return;
    void nats.request('plans', message.content, { timeout: 60_000 }).then(() => channel.ack(message));
  });
  return {
    async stop() {
      await connection.close();
      await nats.drain();
    },
  };
}
