import { setImmediate } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { traceJetStream } from '@throughline/nats';
import { startNats } from '@throughline/servers';
import { options } from '../options.ts';
import { ACKNOWLEDGED, outageScenario } from '../outage.ts';
import type { Ends, Outcome, Side } from '../outage.ts';
import type { Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';

/** JetStream, whose messages the stream and the consumer acknowledge. */
export const scenario: Scenario = outageScenario({
  name: 'outage-nats',
  async start() {
    const broker = await startServer('nats', startNats);
    return { broker, connect: (side) => connect(broker.url, side) };
  },
});

const PUBLISH_WITHIN_MS = 2000;
const UNACKNOWLEDGED = 200;
/** Nanoseconds. What the consumer acknowledges to a broker that is down comes again after it. */
const ACK_WAIT = 2e9;

async function connect(url: string, side: Side): Promise<Ends> {
  const open = (): Promise<NatsConnection> =>
    connectNats({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const client = (connection: NatsConnection): JetStreamClient => {
    const bare = jetstream(connection, { timeout: PUBLISH_WITHIN_MS });
    return side.name === 'traced' ? traceJetStream(bare, options) : bare;
  };
  const [sending, receiving] = [await open(), await open()];
  const manager = await jetstreamManager(sending);
  await manager.streams.add({ name: side.name, subjects: [side.name] });
  await manager.consumers.add(side.name, {
    durable_name: side.name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT,
    max_ack_pending: UNACKNOWLEDGED,
  });
  const consumer = await client(receiving).consumers.get(side.name, side.name);
  const messages = await consumer.consume({ max_messages: UNACKNOWLEDGED, idle_heartbeat: 1000 });
  const reading = (async () => {
    for await (const message of messages) {
      const { chain, key } = message.json<{ chain: string; key: string }>();
      side.here(chain, 'loop');
      await setImmediate();
      side.here(chain, 'loop that waited');
      message.ack();
      side.arrived(key);
    }
  })();

  const producer = client(sending);
  const send = async (key: string, chain: string): Promise<Outcome> => {
    try {
      await producer.publish(side.name, JSON.stringify({ chain, key }), { msgID: key });
      side.here(chain, 'sender');
      return ACKNOWLEDGED;
    } catch (error) {
      side.here(chain, 'sender that failed');
      return String(error);
    }
  };
  return {
    send: (keys) => side.chain((chain) => Promise.all(keys.map((key) => send(key, chain)))),
    async stop() {
      await messages.close();
      await reading;
      await receiving.close();
      await sending.close();
    },
  };
}
