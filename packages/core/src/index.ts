export { answerField } from './hop/answer.ts';
export { filterBaggage, formatBaggage, parseBaggage } from './w3c/baggage.ts';
export { baggageSpanProcessor } from './sdk/baggage-span-processor.ts';
export type { BaggageSpanProcessor, BaggageSpanProcessorOptions, StartedSpan } from './sdk/baggage-span-processor.ts';
export { bindAsyncIterable } from './wrap/bind-async-iterable.ts';
export { bindEmitter, type EmitterLike } from './wrap/bind-emitter.ts';
export { wrapBrand, markWrapped, warnIfRewrapped, wrapped } from './wrap/brand.ts';
export { carriedContext, httpHeaders, messageHeaders, metaFields, nodeHeaders } from './carrier/read.ts';
export type { CarrierKind, CarrierReader } from './carrier/read.ts';
export { printable, warnOnce } from './diagnostics.ts';
export { edgeSampler, type EdgeRule, type EdgeSampler, type EdgeSamplerOptions } from './sdk/edge-sampler.ts';
export { contextFromEnv, traceEnv, writeEnv, type Environment } from './resume/environment.ts';
export { ThroughlineError, type ThroughlineErrorCode } from './errors.ts';
export { resumeTrace, saveTrace, type ResumeOptions } from './resume/handle.ts';
export type {
  Channel,
  FieldsMode,
  HopOutcome,
  InboundHop,
  OutboundHop,
  Outcome,
  Peer,
  PeerAccount,
  PeerHeaders,
  Received,
  Sending,
  Target,
  Transport,
} from './hop/hop.ts';
export { startInbound } from './hop/inbound.ts';
export { joinTraces, type Branch } from './resume/join-traces.ts';
export { currentLineage, withAttempt, withBudget, withDeadline, type Lineage } from './lineage/chain.ts';
export type { LineageEvent, LineageOptions } from './lineage/rules.ts';
export { defaultLimits, type Limits } from './w3c/limits.ts';
export type {
  AgentIdentity,
  BaggageOptions,
  BaggageSend,
  HopOptions,
  InboundPolicy,
  OutboundPolicy,
  Pattern,
} from './policy/options.ts';
export { startOutbound } from './hop/outbound.ts';
export { errorType } from './hop/outcome.ts';
export { internalMesh, publicEdge, thirdPartyTools } from './policy/presets.ts';
export { W3CPropagator, w3cFields, type W3CPropagatorOptions } from './w3c/propagator.ts';
export { extractFields, injectFields, type RecordFields } from './resume/record-fields.ts';
export { register, type Registration } from './register.ts';
export { isLineageError, LineageError, type LineageReason, type Refused } from './lineage/refusal.ts';
export { remembering } from './policy/remembered-settings.ts';
export { receive, send } from './hop/runner.ts';
export { whenSettled } from './hop/settled.ts';
export { asTarget, sameType, viewOf, type Members } from './wrap/same-type.ts';
export { hopSettings, type HopScope, type HopSettings } from './policy/settings.ts';
export { inboundContext, outboundFields } from './hop/without-span.ts';
export { formatTraceparent, parseTraceparent } from './w3c/traceparent.ts';
export { parseTracestate } from './w3c/tracestate.ts';
export { holdsFields, writeHeaders, writeMap, writeRecord } from './carrier/write.ts';
