import type { CaptureSource } from './capture-source.ts';
import type { CollectedSpan } from '../span.ts';
import { actingOf } from './acting.ts';
import { agentsOf } from './agents.ts';
import type { AgentWork } from './agents.ts';
import { arrivalsOf } from './arrivals.ts';
import { chainsOf } from './chains.ts';
import { contractFindings } from './contract.ts';
import { signalFindings } from './contract-signals.ts';
import { endsOf } from './ends.ts';
import { SpanColumns } from './columns/span-columns.ts';
import type { ChainFinding } from './finding.ts';
import { SpanGraph } from './graph.ts';
import type { Index } from './graph.ts';
import { hopsOf } from './hops.ts';
import type { ChainHop } from './hops.ts';
import type { CheckChainsOptions } from './options.ts';
import { badId } from './rules/bad-id.ts';
import { batchUnlinked } from './rules/batch-unlinked.ts';
import { cascade } from './rules/cascade.ts';
import { clockSkew } from './rules/clock-skew.ts';
import type { ChainRule } from './rules/context.ts';
import { conversationSplit } from './rules/conversation-split.ts';
import { criticalPathOf } from './critical-path.ts';
import type { CriticalPath } from './critical-path.ts';
import { repeatedWorkOf } from './repeated-work.ts';
import type { RepeatedWork } from './repeated-work.ts';
import { doubleSpan } from './rules/double-span.ts';
import { doubleUsage } from './rules/double-usage.ts';
import { duplicateSpan } from './rules/duplicate-span.ts';
import { endlessTrace } from './rules/endless-trace.ts';
import { cycle, tooDeep } from './rules/lineage.ts';
import { lineageBackwards } from './rules/lineage-backwards.ts';
import { lostContext } from './rules/lost-context.ts';
import { manyRoots } from './rules/many-roots.ts';
import { missingCalls } from './rules/missing-calls.ts';
import { missingLinkTarget } from './rules/missing-link-target.ts';
import { modelReloaded } from './rules/model-reloaded.ts';
import { orphan } from './rules/orphan.ts';
import { parentLoop } from './rules/parent-loop.ts';
import { phantomParent } from './rules/phantom-parent.ts';
import { wrongParent } from './rules/wrong-parent.ts';
import { signalsOf } from './signals.ts';
import type { SeenSignal } from './signals.ts';
import { straysOf } from './strays.ts';
import { silentFindings, unheardFindings, unheardOf } from './unheard.ts';
import type { UnheardSends } from './unheard.ts';
import { treesOf } from './trees.ts';
import { counted } from './words.ts';
import type { ChainTree } from './trees.ts';

/** What {@link checkChains} says, as plain data that can be written as JSON. */
export interface ChainReport {
  /**
   * `sound`: no finding is an error. `empty`: there is no span to judge. `incomplete`: spans were refused when they were collected, so
   * what seems to be missing may be among them.
   */
  readonly verdict: 'sound' | 'broken' | 'incomplete' | 'empty';
  readonly findings: readonly ChainFinding[];
  /** Who called whom, over what, and how often, as far as that is whole. */
  readonly hops: readonly ChainHop[];
  /** What was sent and never seen to arrive: to third parties, to what is not traced, or to what was lost. */
  readonly unheard: readonly UnheardSends[];
  /** What each agent called, and each service, with failures, and what models took for it and for all below it. */
  readonly agents: readonly AgentWork[];
  /** What went wrong without an error, as spans say it. */
  readonly signals: readonly SeenSignal[];
  /** What was asked more than once in one trace. */
  readonly repeated: readonly RepeatedWork[];
  /** What the longest request or job spent its time on. */
  readonly criticalPath?: CriticalPath;
  /** What parents and links connect. */
  readonly chains: number;
  readonly traces: number;
  readonly services: readonly string[];
  readonly spans: number;
  /** What caused what, as far as `maxTreeSpans` goes: all of a small capture, and of a large one what is broken. */
  readonly trees: readonly ChainTree[];
}

const rules: readonly ChainRule[] = [
  duplicateSpan,
  parentLoop,
  manyRoots,
  lostContext,
  batchUnlinked,
  phantomParent,
  orphan,
  missingLinkTarget,
  wrongParent,
  endlessTrace,
  doubleSpan,
  cascade,
  missingCalls,
  clockSkew,
  doubleUsage,
  conversationSplit,
  lineageBackwards,
  cycle,
  tooDeep,
  modelReloaded,
  badId,
];

/**
 * Returns whether every chain of causes in these spans is whole, and if not, at which boundary it broke. Spans may be any tracer's. A
 * chain may be one trace or many that links join; requests, jobs and timers of their own are chains of their own.
 *
 * @example
 * ```ts
 * const report = checkChains(parseOtlpJson(text).spans, { services: ['planner', 'analyst'] });
 * process.exitCode = report.verdict === 'sound' ? 0 : 1;
 * ```
 */
export function checkChains(
  source: CaptureSource | Iterable<CollectedSpan>,
  options: CheckChainsOptions = {},
): ChainReport {
  const [collected, refused] = 'rejected' in source ? [source.spans(), refusedOf(source)] : [source, []];
  const columns = new SpanColumns();
  for (const span of collected) columns.add(span);
  return judge(columns, options, refused);
}

/** The same for spans that are in columns already. `refused` is what could not be kept when they were collected. */
export function judge(
  columns: SpanColumns,
  options: CheckChainsOptions = {},
  refused: readonly ChainFinding[] = [],
): ChainReport {
  const graph = new SpanGraph(columns);
  const ends = endsOf(graph);
  const { contract, settleMs = 0 } = options;
  if (typeof settleMs !== 'number' || !(settleMs >= 0))
    throw new TypeError('`settleMs` is a number of milliseconds, such as 5000');
  const wanted = new Set([...(options.services ?? []), ...(contract?.services ?? [])]);
  const silent = [...wanted].filter((service) => !graph.services.has(service));
  const settledUntil = graph.lastEnd - settleMs;
  const capture = { graph, ends, silent, isSettled: (at: Index) => graph.endOf(at) <= settledUntil };
  const chains = chainsOf(graph);
  const arrivals = arrivalsOf(capture);
  const judged = { ...capture, arrivals, chains, strays: straysOf(capture, arrivals) };
  const findings: ChainFinding[] = [...refused, ...rules.flatMap((rule) => rule(judged))];
  const hops = hopsOf(graph);
  const unheard = unheardOf(judged);
  const acting = actingOf(graph);
  const signals = signalsOf(graph, acting);
  if (contract !== undefined) findings.push(...contractFindings(contract, hops, findings));
  const told = new Set(findings.map(({ code }) => code));
  const edges = [...(options.edges ?? []), ...(contract?.hops ?? [])];
  findings.push(...unheardFindings(unheard, edges, judged));
  // A gap that somebody names says so itself: one cause is told once.
  const isTold = told.has('phantom-parent') || told.has('missing-link-target') || told.has('contract');
  if (graph.size > 0 && !isTold) findings.push(...silentFindings(unheard, judged));
  if (contract?.signals !== undefined) findings.push(...signalFindings(contract.signals, signals, graph));
  if (options.expect === 'one-trace' && graph.traces > 1) {
    findings.push({
      code: 'several-traces',
      severity: 'error',
      message: `${graph.traces} traces were found where one was expected`,
      spans: [],
      count: graph.traces,
    });
  }
  const criticalPath = criticalPathOf(graph);
  const isBroken = findings.some(({ severity }) => severity === 'error');
  return {
    verdict: graph.size === 0 ? 'empty' : refused.length > 0 ? 'incomplete' : isBroken ? 'broken' : 'sound',
    findings,
    hops,
    unheard: unheard.map(({ point: _point, first: _first, ...sends }) => sends),
    agents: agentsOf(judged, acting),
    signals: signals.map(({ signal }) => signal),
    repeated: repeatedWorkOf(judged),
    ...(criticalPath === undefined ? undefined : { criticalPath }),
    chains: chains.count,
    traces: graph.traces,
    services: [...graph.services].sort(),
    spans: graph.size,
    trees: treesOf(judged, options.maxTreeSpans ?? 500),
  };
}

function refusedOf(source: CaptureSource): ChainFinding[] {
  const [rejected, refused] = [source.rejected(), source.refused()];
  const lost = rejected + refused;
  if (lost === 0) return [];
  const spans = rejected === 0 ? [] : [counted(rejected, 'span')];
  const exports = refused === 0 ? [] : [counted(refused, 'export')];
  const message = `${[...spans, ...exports].join(' and ')} came and could not be kept`;
  return [{ code: 'incomplete-capture', severity: 'error', message, spans: [], count: lost }];
}
