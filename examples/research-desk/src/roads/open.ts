import { setting } from '../desk.ts';
import type { RoadName } from './names.ts';
import type { OpenRoad } from './road.ts';

/** A road's client is loaded where tasks go over it, and nowhere else. */
const roads: Readonly<Record<RoadName, () => Promise<OpenRoad>>> = {
  kafka: async () => (await import('./kafka.ts')).openKafka,
  rabbitmq: async () => (await import('./rabbitmq.ts')).openRabbitmq,
  nats: async () => (await import('./nats.ts')).openNats,
  bullmq: async () => (await import('./bullmq.ts')).openBullmq,
  sqs: async () => (await import('./sqs.ts')).openSqs,
};

/** Takes a place at the road that the starter chose. */
export const openRoad: OpenRoad = async (member) => {
  const open = await roads[setting('DESK_ROAD') as RoadName]();
  return open(member);
};
