export { startKafka, type RunningKafka } from './start.ts';
export { kafkaAvailability, type KafkaAvailability } from './availability.ts';
export { createTopics } from './create-topics.ts';
export type { KafkaFlavor, KafkaOptions } from './choice.ts';
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
