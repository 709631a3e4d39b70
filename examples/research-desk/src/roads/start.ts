/** Starts the broker of a road. */
import { startKafka, startNats, startRabbitmq, startRedis, startSqs } from '@throughline/servers';
import type { RunningServer, ServerOptions } from '@throughline/servers';
import type { RoadName } from './names.ts';

/** A road whose broker runs. */
export interface RunningRoad {
  readonly name: RoadName;
  /** Settings that its agents are started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops the broker, unless it was there before. */
  stop(): Promise<void>;
}

interface Broker {
  readonly address: string;
  /** Whether it was there before us, and others may use it. */
  readonly isShared: boolean;
  readonly env?: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

type Start = (onProgress: ((line: string) => void) | undefined) => Promise<Broker>;

const brokers: Readonly<Record<RoadName, Start>> = {
  async kafka(onProgress) {
    const kafka = await startKafka({ onProgress });
    return {
      address: kafka.brokers.join(),
      isShared: kafka.flavor === 'external',
      env: { DESK_BROKER_FLAVOR: kafka.flavor },
      stop: () => kafka.stop(),
    };
  },
  rabbitmq: server(startRabbitmq),
  nats: server(startNats),
  bullmq: server(startRedis),
  sqs: server(startSqs),
};

function server(startServer: (options: ServerOptions) => Promise<RunningServer>): Start {
  return async (onProgress) => {
    const running = await startServer({ onProgress });
    return { address: running.url, isShared: running.folder === undefined, stop: () => running.stop() };
  };
}

/** Starts the broker of a road, or takes the one that the environment names. */
export async function startRoad(name: RoadName, onProgress?: (line: string) => void): Promise<RunningRoad> {
  const { address, isShared, env, stop } = await brokers[name](onProgress);
  // A broker that was there before us has other users: on it the queues are this run's own.
  const suffix = isShared ? `-${process.pid}-${Date.now().toString(36)}` : '';
  return {
    name,
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
