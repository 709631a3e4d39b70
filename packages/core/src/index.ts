export { answerField } from './answer.ts';
export { filterBaggage, formatBaggage, parseBaggage } from './baggage.ts';
export { baggageSpanProcessor } from './baggage-span-processor.ts';
export type { BaggageSpanProcessor, BaggageSpanProcessorOptions, StartedSpan } from './baggage-span-processor.ts';
export { bindAsyncIterable } from './bind-async-iterable.ts';
export { bindEmitter, type EmitterLike } from './bind-emitter.ts';
export { wrapBrand, markWrapped, warnIfRewrapped, wrapped } from './brand.ts';
export { carriedContext, httpHeaders, messageHeaders, metaFields, nodeHeaders } from './carrier.ts';
export type { CarrierKind, CarrierReader } from './carrier.ts';
export { printable, warnOnce, warnOncePer } from './diagnostics.ts';
export { edgeSampler, type EdgeRule, type EdgeSampler, type EdgeSamplerOptions } from './edge-sampler.ts';
export { contextFromEnv, traceEnv, writeEnv, type Environment } from './environment.ts';
export { ThroughlineError, type ThroughlineErrorCode } from './errors.ts';
export { resumeTrace, saveTrace, type ResumeOptions } from './handle.ts';
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
} from './hop.ts';
export { startInbound } from './inbound.ts';
export { joinTraces, type Branch } from './join-traces.ts';
export { currentLineage, withAttempt, withBudget, withDeadline, type Lineage } from './lineage.ts';
export type { LineageEvent, LineageOptions } from './lineage-rules.ts';
export { defaultLimits, type Limits } from './limits.ts';
export {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  optionError,
} from './option-checks.ts';
export type {
  AgentIdentity,
  BaggageOptions,
  BaggageSend,
  HopOptions,
  InboundPolicy,
  OutboundPolicy,
  Pattern,
} from './options.ts';
export { startOutbound } from './outbound.ts';
export { errorType } from './outcome.ts';
export { internalMesh, publicEdge, thirdPartyTools } from './presets.ts';
export { W3CPropagator, w3cFields, type W3CPropagatorOptions } from './propagator.ts';
export { extractFields, injectFields, type RecordFields } from './record-fields.ts';
export { register, type Registration } from './register.ts';
export { isLineageError, LineageError, type LineageReason, type Refused } from './refusal.ts';
export { remembering } from './remembered-settings.ts';
export { receive, send } from './run.ts';
export { whenSettled } from './settled.ts';
export { asTarget, sameType, viewOf, type Members } from './same-type.ts';
export { hopSettings, type HopScope, type HopSettings } from './settings.ts';
export { inboundContext, outboundFields } from './without-span.ts';
export { formatTraceparent, parseTraceparent } from './traceparent.ts';
export { parseTracestate } from './tracestate.ts';
export { writeHeaders, writeRecord } from './write.ts';
