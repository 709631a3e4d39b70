export { ChainChecker, type ReadCapture } from './chains/chain-checker.ts';
export { type ChainReport, checkChains } from './chains/check-chains.ts';
export {
  type ChainContract,
  type ContractHop,
  type ContractSignal,
  contractOf,
  readContract,
  type SignalRules,
} from './chains/contract.ts';
export type { ChainBoundary, ChainFinding, ChainFindingCode, CodePlace, FoundSpan, SpanId } from './chains/finding.ts';
export type { ChainHop } from './chains/hops.ts';
export type { ChainEdge, CheckChainsOptions } from './chains/options.ts';
export type { CaptureSource } from './chains/capture-source.ts';
export type { AgentCalls, AgentWork } from './chains/agents.ts';
export type { AgentCost, AgentTokens } from './chains/usage.ts';
export type { SeenSignal } from './chains/signals.ts';
export type { CriticalPath, CriticalStep } from './chains/critical-path.ts';
export type { RepeatedWork } from './chains/repeated-work.ts';
export type { UnheardSends } from './chains/unheard.ts';
export type { ChainTree, TreeRow } from './chains/trees.ts';
export { type Collector, type CollectorOptions, startCollector } from './collector.ts';
export { type ReadableSpanLike, fromReadableSpans } from './from-readable-spans.ts';
export { formatOtlpJson } from './format-otlp-json.ts';
export { parseJaegerJson } from './jaeger-json.ts';
export { parseOtlpJson } from './otlp-json.ts';
export { parseOtlpProtobuf } from './otlp-protobuf.ts';
export { printable } from './printable.ts';
export { type RenderTreeOptions, renderTree } from './render-tree.ts';
export { renderUsage } from './render-usage.ts';
export { renderVerdict } from './render-verdict.ts';
export type {
  AttributeValue,
  CollectedSpan,
  SpanAttributes,
  SpanEvent,
  SpanKindName,
  SpanLink,
  SpanStatus,
} from './span.ts';
export { parseSpans } from './parse-spans.ts';
export type { ParsedSpans } from './parsing.ts';
export type { WaitCondition } from './wait-for-spans.ts';
export { parseZipkinJson } from './zipkin-json.ts';
