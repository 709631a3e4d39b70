import { fork } from 'node:child_process';

/** Sends messages from a process of its own, so that it is no part of what receiving them costs. */
export interface Feeder {
  feed(order: Order): void;
  stop(): void;
}

/** Messages that are to be sent, each with the same `traceparent`. */
export interface Order {
  readonly destination: string;
  readonly count: number;
}

/** What the process can send with. */
export type FeederSystem = 'amqplib' | 'nats' | 'bullmq' | 'sqs';

export function startFeeder(system: FeederSystem, url: string): Feeder {
  const file = new URL('feeder-process.ts', import.meta.url);
  const child = fork(file, [system, url], { execArgv: ['--no-warnings'] });
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) throw new Error(`the process that sends messages ended with ${code}`);
  });
  return { feed: (order) => void child.send(order), stop: () => child.disconnect() };
}
