/** Starts the broker of a road. */
import { startKafka, startNats, startRabbitmq, startRedis, startSqs } from '@throughline/servers';
import type { RoadName } from './names.ts';

/** A road whose broker runs. */
export interface RunningRoad {
  readonly name: RoadName;
  /** What spans call it: the `transport` of its hops in a contract. */
  readonly transport: string;
  /** Settings that its agents are started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops the broker, unless it was there before. */
  stop(): Promise<void>;
}

interface Broker {
  readonly address: string;
  /** Whether it was there before us, and others may use it. */
  readonly isShared: boolean;
  readonly transport: string;
  readonly env?: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

type Start = (onProgress?: (line: string) => void) => Promise<Broker>;

const brokers: Readonly<Record<RoadName, Start>> = {
  async kafka(onProgress) {
    const kafka = await startKafka({ onProgress });
    return {
      address: kafka.brokers.join(),
      isShared: kafka.flavor === 'external',
      transport: 'kafka',
      env: { DESK_BROKER_FLAVOR: kafka.flavor },
      stop: () => kafka.stop(),
    };
  },
  rabbitmq: server(startRabbitmq, 'rabbitmq', 'AMQP_URL'),
  nats: server(startNats, 'nats', 'NATS_URL'),
  bullmq: server(startRedis, 'bullmq', 'REDIS_URL'),
  sqs: server(startSqs, 'aws_sqs', 'SQS_ENDPOINT'),
};

function server(
  start: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
  transport: string,
  variable: string,
): Start {
  return async () => {
    const { url, stop } = await start();
    return { address: url, isShared: (process.env[variable] ?? '') !== '', transport, stop };
  };
}

/** Starts the broker of a road, or takes the one that the environment names. */
export async function startRoad(name: RoadName, onProgress?: (line: string) => void): Promise<RunningRoad> {
  const { address, isShared, transport, env, stop } = await brokers[name](onProgress);
  // A broker that was there before us has other users: on it the queues are this run's own.
  const suffix = isShared ? `-${process.pid}-${Date.now().toString(36)}` : '';
  return {
    name,
    transport,
    env: {
      DESK_ROAD: name,
      DESK_BROKER: address,
      DESK_TASKS: `research.tasks${suffix}`,
      DESK_RESULTS: `research.results${suffix}`,
      ...env,
    },
    stop,
  };
}
