import { context as contextApi, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanContext } from '@opentelemetry/api';
import { isTracingSuppressed } from '../context/opentelemetry.ts';
import { warnOnce } from '../diagnostics.ts';
import { parseHandle } from './handle-codec.ts';
import { layered } from '../context/layer.ts';
import { foldedChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import { parseLineage } from '../lineage/codec.ts';
import type { LineageFields } from '../lineage/codec.ts';
import { enteredChain } from '../lineage/rules.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { activeChain, receiptOf, withChain } from '../lineage/state.ts';
import { Links } from '../hop/links.ts';
import { metaFields } from '../carrier/read.ts';
import { peerOf } from '../hop/peer.ts';
import type { HopOptions } from '../policy/options.ts';
import { inboundPolicy } from '../policy/policy.ts';
import type { HopSettings } from '../policy/settings.ts';
import { rememberedSettings } from '../policy/remembered-settings.ts';
import { whenSettled } from '../settled.ts';
import { endSpan, noSpan, startSpan } from '../telemetry/span.ts';
import { addLineage } from '../hop/position.ts';
import { isSpanId, isTraceId, parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';

/** One of the causes that {@link joinTraces} brings together: a context, a span's own, or a handle of `saveTrace`. */
export type Branch = Context | SpanContext | string;

/**
 * Returns what `fn` returns, run under one INTERNAL span called `name` that links each of `branches`, for work that several
 * causes lead to: the answers of agents that were asked in parallel, the rows of a report. The span is a child of the active
 * one, or the root of a trace; a branch that comes twice is linked once, and at most 128 are. The chain of agents goes on from
 * the deepest of them. A handle is under the `inbound` policy, as in {@link resumeTrace}: a restart keeps its chain out, and one
 * without a link the link too. A branch without a valid span context is left out, and nothing about a branch throws; what `fn`
 * throws comes out as the same object.
 *
 * @example
 * ```ts
 * const branches = answers.map((message) => extractContext(message));
 * await joinTraces('merge answers', branches, () => merge(answers));
 * ```
 */
export function joinTraces<T>(
  name: string,
  branches: Iterable<Branch>,
  fn: (span: Span) => T,
  options?: HopOptions,
): T {
  const settings = rememberedSettings(options);
  const active = contextApi.active();
  const links = new Links();
  const chains: LineageFields[] = [];
  for (const branch of branches) {
    const { spanContext, chain } = joined(branch, name, settings);
    if (spanContext !== undefined) links.add(spanContext);
    if (chain !== undefined) chains.push(chain);
  }
  const chain = settings.lineage === undefined ? undefined : joinedChain(activeChain(active), chains, settings.lineage);
  const context = chain === undefined ? active : withChain(active, chain);
  if (!settings.spans || isTracingSuppressed(active)) {
    return contextApi.with(context, () => fn(trace.getSpan(active) ?? noSpan));
  }
  const attributes: Attributes = { ...(settings.agent ?? receiptOf(active)?.agent)?.attributes };
  if (chain !== undefined) addLineage(attributes, chain, chain.hops, false);
  const start = { kind: SpanKind.INTERNAL, attributes, links: links.list };
  const span = startSpan(settings.tracer, name, start, active)?.span;
  if (span === undefined) return contextApi.with(context, () => fn(noSpan));
  return whenSettled(
    () => contextApi.with(trace.setSpan(layered(context), span), () => fn(span)),
    (failed, error) => endSpan(span, failed ? { failed, error } : undefined, true, 'exception'),
  );
}

interface Joined {
  readonly spanContext: SpanContext | undefined;
  readonly chain: LineageFields | undefined;
}

function joined(branch: unknown, name: string, settings: HopSettings): Joined {
  if (typeof branch === 'string') return ofHandle(branch, name, settings);
  if (typeof branch !== 'object' || branch === null) return neither;
  if (typeof (branch as Partial<Context>).getValue !== 'function') {
    return { spanContext: valid(branch as SpanContext), chain: undefined };
  }
  const context = branch as Context;
  return { spanContext: valid(trace.getSpanContext(context)), chain: activeChain(context) };
}

const neither: Joined = Object.freeze({ spanContext: undefined, chain: undefined });

function ofHandle(text: string, name: string, settings: HopSettings): Joined {
  const handle = parseHandle(text);
  if (handle === undefined) {
    warnOnce('join:handle', 'a handle that `joinTraces` was given is not valid, so it is not linked.');
    return neither;
  }
  const policy = inboundPolicy(
    settings.asksPeer ? peerOf({ ...handleHop, name, peer: { name } }, settings) : undefined,
    settings,
  );
  if (policy === 'restart') return neither;
  const spanContext = parseTraceparent(handle.traceparent);
  const traceState = parseTracestate(handle.tracestate);
  if (spanContext !== undefined && traceState !== undefined) spanContext.traceState = traceState;
  const survives = policy === 'continue' || settings.lineage?.keepOnRestart === true;
  return { spanContext, chain: survives ? parseLineage(handle.lineage) : undefined };
}

const handleHop = {
  transport: 'handle',
  kind: SpanKind.CONSUMER,
  channel: 'broker',
  carrier: undefined,
  reader: metaFields,
} as const;

function valid(spanContext: SpanContext | undefined): SpanContext | undefined {
  return spanContext !== undefined && isTraceId(spanContext.traceId) && isSpanId(spanContext.spanId)
    ? spanContext
    : undefined;
}

// What is joined goes on with its own deadline and budget, and draws on its own account: those of the branches are theirs.
function joinedChain(
  active: Chain | undefined,
  chains: readonly LineageFields[],
  rules: LineageRules,
): Chain | undefined {
  if (active === undefined) {
    const folded = foldedChain(chains);
    return folded === undefined ? undefined : enteredChain(rules, folded);
  }
  const folded = foldedChain([active, ...chains]);
  if (folded === undefined) return active;
  const { hops, maxHops, attempt, path } = folded;
  return { ...active, hops, maxHops, attempt, path };
}
