export { extractContext, injectMetadata, tracedFlow, type InjectOptions } from './carrier.ts';
export type { JobLike } from './job.ts';
export type { BullMQMeter } from './meter.ts';
export type { BullMQOptions } from './options.ts';
export { tracedProcessor } from './processor.ts';
export { traceBullMQ, type BullMQSpan, type BullMQTelemetry } from './telemetry.ts';
