/*
 * What writes an adapter: the runner, carriers, what writes fields, and wrapping. Nothing here is for who uses one.
 */
export { carriedContext, httpHeaders, messageHeaders, metaFields, nodeHeaders } from './carrier/read.ts';
export type { CarrierKind, CarrierReader } from './carrier/read.ts';
export { holdsFields, writeHeaders, writeMap, writeRecord } from './carrier/write.ts';
export type { FieldsMode, WrittenFields } from './carrier/write.ts';
export { enterContext } from './context/enter.ts';
export { detachedTimer } from './context/detached.ts';
export { layered } from './context/layer.ts';
export { httpRequestSpan, isTracingSuppressed, suppressTracing, withHttpRequestSpan } from './context/opentelemetry.ts';
export { textOf, warnOnce, warnOncePer } from './diagnostics.ts';
export { ThroughlineError } from './errors.ts';
export {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkMilliseconds,
  checkName,
  checkObject,
  checkOneOf,
  checkWhole,
  optionError,
} from './option-checks.ts';
export { answerField } from './hop/answer.ts';
export { Links } from './hop/links.ts';
export { receive, send } from './hop/callbacks.ts';
export type { InboundHop, OutboundHop, Received, Sending } from './hop/hop.ts';
export { startInbound } from './hop/inbound.ts';
export { OpenHops, type Endable } from './hop/open-hops.ts';
export { startOutbound } from './hop/outbound.ts';
export { refusedSpending } from './hop/spending.ts';
export { runInbound, runOutbound, type InboundRun, type Life, type OutboundRun } from './hop/runner.ts';
export { inboundContext, outboundFields } from './hop/without-span.ts';
export { isRestarted, isWithin } from './lineage/state.ts';
export type { Channel, HopOutcome, Peer, PeerAccount, Target, Transport } from './parties.ts';
export { remembering } from './policy/remembered-settings.ts';
export { hopSettings, type HopSettings } from './policy/settings.ts';
export { writeEnv } from './resume/environment.ts';
export { formatHandle, parseHandle } from './resume/handle-codec.ts';
export { printable, printableJson } from './printable.ts';
export { whenSettled } from './settled.ts';
export { isAmong } from './telemetry/distinct.ts';
export { guarded } from './telemetry/guard.ts';
export { lazyInstruments, type HopScope } from './telemetry/instruments.ts';
export { errorType, failureType, recordException, type Outcome } from './telemetry/outcome.ts';
export { describeSpan, endSpan, noSpan, startSpan, type StartedSpan } from './telemetry/span.ts';
export { filterBaggage, formatBaggage, parseBaggage } from './w3c/baggage.ts';
export { w3cFields } from './w3c/trace-context.ts';
export { formatTraceparent, parseTraceparent } from './w3c/traceparent.ts';
export { defaultLimits } from './w3c/limits.ts';
export { parseTracestate } from './w3c/tracestate.ts';
export { attachments, type Attachments } from './wrap/attachments.ts';
export { markWrapped, unmarkWrapped, warnIfRewrapped, wrapBrand, wrapped } from './wrap/brand.ts';
export { isPatched, unpatched } from './wrap/patched.ts';
export { asTarget, replacing, sameType, viewOf, type Members } from './wrap/same-type.ts';
