/** A station that has started. */
export interface Station {
  /** Where it listens, if it does. */
  readonly url?: string;
  stop(): Promise<unknown>;
}

/** The stations, in the order in which a question passes them. */
export const STATIONS = ['hono', 'bullmq', 'fastify', 'rabbitmq', 'nats', 'sqs', 'tools'] as const;

/** A setting that the starter hands to its stations; throws where it is missing. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
