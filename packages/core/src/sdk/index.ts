export { baggageSpanProcessor } from './baggage-span-processor.ts';
export type { BaggageSpanProcessor, BaggageSpanProcessorOptions, StartedSpan } from './baggage-span-processor.ts';
export { edgeSampler, type EdgeRule, type EdgeSampler, type EdgeSamplerOptions } from './edge-sampler.ts';
