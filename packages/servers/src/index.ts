export { startKafka, type RunningKafka } from './kafka/start.ts';
export { kafkaAvailability, type KafkaAvailability } from './kafka/availability.ts';
export { createTopics } from './kafka/create-topics.ts';
export type { KafkaFlavor, KafkaOptions } from './kafka/choice.ts';
export {
  findChromium,
  serverAvailability,
  startNats,
  startRabbitmq,
  startRedis,
  startSqs,
  type RunningServer,
  type ServerAvailability,
  type ServerKind,
  type ServerOptions,
} from './server.ts';
