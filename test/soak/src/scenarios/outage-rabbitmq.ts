import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { traceConnection } from '@throughline/amqplib';
import { startRabbitmq } from '@throughline/servers';
import { connect as connectAmqp } from 'amqplib';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { options } from '../options.ts';
import { ACKNOWLEDGED, outageScenario } from '../outage.ts';
import type { Ends, Outcome, Side } from '../outage.ts';
import type { Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';

const PREFETCH = 100;

/** RabbitMQ, by amqplib: persistent messages with publisher confirms, acknowledged by hand. */
export const scenario: Scenario = outageScenario({
  name: 'outage-rabbitmq',
  async start() {
    const broker = await startServer('rabbitmq', startRabbitmq);
    return { broker, connect: (side) => connect(broker.url, side) };
  },
  atKill: ['Error: channel closed', 'IllegalOperationError: Channel closed'],
});

async function connect(url: string, side: Side): Promise<Ends> {
  const connections = new Set<ChannelModel>();
  const open = async (): Promise<ChannelModel> => {
    const bare = await connectAmqp(url);
    bare.on('error', () => {});
    connections.add(bare);
    bare.on('close', () => connections.delete(bare));
    return side.name === 'traced' ? traceConnection(bare, options) : bare;
  };
  let stopped = false;
  const consuming = consume(side, open, () => stopped);
  const send = sender(side, open);
  return {
    send: (keys) => side.chain((chain) => Promise.all(keys.map((key) => send(key, chain)))),
    async stop() {
      stopped = true;
      for (const connection of connections) await connection.close();
      await consuming;
    },
  };
}

/** amqplib does not connect again by itself: who sends next does. */
function sender(side: Side, open: () => Promise<ChannelModel>): (key: string, chain: string) => Promise<Outcome> {
  let channel: Promise<ConfirmChannel> | undefined;
  const forget = (): void => {
    channel = undefined;
  };
  const openChannel = async (): Promise<ConfirmChannel> => {
    const connection = await open();
    connection.on('close', forget);
    const opened = await connection.createConfirmChannel();
    opened.on('error', () => {});
    await opened.assertQueue(side.name, { durable: true });
    return opened;
  };
  return async (key, chain) => {
    try {
      channel ??= openChannel();
      const opened = await channel.catch((error: unknown) => {
        forget();
        throw error;
      });
      await new Promise<void>((resolve, reject) => {
        opened.sendToQueue(side.name, Buffer.from(chain), { persistent: true, messageId: key }, (error: unknown) =>
          error ? reject(error) : resolve(),
        );
      });
      side.here(chain, 'sender');
      return ACKNOWLEDGED;
    } catch (error) {
      side.here(chain, 'sender that failed');
      return outcomeOf(error);
    }
  };
}

async function consume(side: Side, open: () => Promise<ChannelModel>, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    try {
      const connection = await open();
      const closed = once(connection, 'close');
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      await channel.assertQueue(side.name, { durable: true });
      await channel.prefetch(PREFETCH);
      await channel.consume(side.name, async (message) => {
        if (message === null) return;
        const chain = message.content.toString();
        side.here(chain, 'handler');
        await setImmediate();
        side.here(chain, 'handler that waited');
        side.arrived(String(message.properties.messageId));
        try {
          channel.ack(message);
        } catch {
          // The channel is gone: the message comes again.
        }
      });
      await closed;
    } catch {
      await setTimeout(100);
    }
  }
}

function outcomeOf(error: unknown): Outcome {
  const { name, code, message } = error as Error & { code?: unknown };
  return code === undefined ? `${name}: ${message}` : `${name} ${String(code)}`;
}
