export { startKafka, type RunningKafka } from './start.ts';
export { kafkaAvailability, type KafkaAvailability } from './availability.ts';
export { createTopics } from './create-topics.ts';
export type { KafkaFlavor, KafkaOptions } from './choice.ts';
