/** The roads that `--over` takes: what tasks and results travel over. */
export const ROADS = ['kafka', 'rabbitmq', 'nats', 'bullmq', 'sqs'] as const;
export type RoadName = (typeof ROADS)[number];

export function isRoad(name: string): name is RoadName {
  return (ROADS as readonly string[]).includes(name);
}
