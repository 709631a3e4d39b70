export { startKafka, type RunningKafka } from './start.ts';
export type { KafkaFlavor, KafkaOptions } from './choice.ts';
