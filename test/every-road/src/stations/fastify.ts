import { traceChannel } from '@throughline/amqplib';
import { traceContext } from '@throughline/fastify';
import { connect } from 'amqplib';
import fastify from 'fastify';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';

/** Publishes what is posted to it on RabbitMQ. */
export async function start(): Promise<Station> {
  const options = { agent: 'fastify' };
  const connection = await connect(setting('AMQP_URL'));
  const channel = traceChannel(await connection.createConfirmChannel(), options);
  await channel.assertExchange('desk', 'topic');
  const app = fastify();
  await app.register(traceContext, options);
  app.post('/desk/:kind', async (request, reply) => {
    channel.publish('desk', 'task.new', Buffer.from(JSON.stringify(request.body)));
    await channel.waitForConfirms();
    return reply.code(202).send({ accepted: true });
  });
  return {
    url: await app.listen({ port: 0, host: '127.0.0.1' }),
    async stop() {
      await app.close();
      await connection.close();
    },
  };
}
