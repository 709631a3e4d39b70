import { context as contextApi, SpanKind, trace } from '@opentelemetry/api';
import type { Context, Link, Span } from '@opentelemetry/api';
import { metaFields } from '../carrier/read.ts';
import { ATTR_TRANSPORT } from '../conventions.ts';
import { formatHandle, parseHandle } from './handle-codec.ts';
import type { HandleFields } from './handle-codec.ts';
import { foldedChain, rootChain } from '../lineage/chain.ts';
import { readBaggage } from '../lineage/member.ts';
import { activeChain } from '../lineage/state.ts';
import { formatLineage, LINEAGE_KEY, parseLineage } from '../lineage/codec.ts';
import type { LineageFields } from '../lineage/codec.ts';
import type { Agent } from '../lineage/agent.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { checkMilliseconds, checkOneOf } from '../option-checks.ts';
import type { HopOptions } from '../policy/options.ts';
import { startOutbound } from '../hop/outbound.ts';
import { remembering } from '../policy/remembered-settings.ts';
import { runInbound } from '../hop/runner.ts';
import { hopSettings } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { version } from '../version.ts';

const HANDLE = 'handle';
const DAY = 24 * 60 * 60 * 1000;

/** How {@link resumeTrace} resumes, beside the options that every hop takes. */
export interface ResumeOptions extends HopOptions {
  /**
   * `child`: what is resumed continues the trace. `link`: it starts a trace of its own that links to the span that saved the
   * handle, each time, as a scheduled job must. The chain of agents goes on in both. Default `child`.
   */
  readonly relation?: 'child' | 'link' | undefined;
  /** Milliseconds since the handle was saved after which a child restarts with a link. Default: a day. `Infinity`: never. */
  readonly maxParentAge?: number | undefined;
}

/**
 * Returns the active trace context as text, to be resumed by {@link resumeTrace}: later, in another process, after this one
 * was killed. It starts and ends a `suspend` span, and the handle names that span, so that the parent of what resumes is
 * exported whatever becomes of this process. With no span active the `suspend` span is the root of a trace; without an SDK,
 * and under suppressed tracing, the handle resumes as a trace of its own.
 *
 * The text is safe in a URL and in any database, at most 1024 characters, and holds no baggage of yours: counts and hashes of
 * the chain of agents alone. Saving is a hop of that chain. Throws a `LineageError` where the chain is past a limit and
 * `lineage` enforces it.
 *
 * @example
 * ```ts
 * db.prepare('INSERT INTO approvals (id, handle) VALUES (?, ?)').run(id, saveTrace());
 * ```
 */
export function saveTrace(options?: HopOptions): string {
  const settings = handleSettings(options);
  const sending = startOutbound(
    {
      transport: HANDLE,
      name: 'suspend',
      kind: SpanKind.PRODUCER,
      attributes: { [ATTR_TRANSPORT]: HANDLE },
      target: { transport: HANDLE, channel: 'broker' },
    },
    settings,
  );
  sending.end();
  if (sending.refused !== undefined) throw sending.error;
  const savedAt = Date.now();
  // By policy, or under suppressed tracing: nothing leaves.
  if (sending.outcome === 'suppressed') return formatHandle({ ...nothing, savedAt });
  const { traceparent, tracestate, baggage } = sending.fields;
  return formatHandle({ savedAt, traceparent, tracestate, lineage: readBaggage(baggage, settings.limits).lineage });
}

/**
 * Returns what `fn` returns, run under a CONSUMER span called `name` that continues what {@link saveTrace} saved: a child of
 * the `suspend` span, or a new trace that links to it where the handle is older than `maxParentAge` (a day), where `relation`
 * is `link`, and where the `inbound` policy says so. The span that is active and still open is linked too: it is what woke the
 * work.
 *
 * The handle may come from anywhere. One that cannot be read starts a fresh trace, with one warning; `null` and `undefined`,
 * which a column holds where nothing was saved, do without. Throws a `LineageError` for a hop that is refused; what `fn`
 * throws comes out as the same object.
 *
 * @example
 * ```ts
 * await resumeTrace(row.handle, 'approved', () => publish(row.id));
 * setInterval(() => resumeTrace(schedule.handle, 'nightly report', report, { relation: 'link' }), DAY);
 * ```
 */
export function resumeTrace<T>(
  handle: string | null | undefined,
  name: string,
  fn: (span: Span) => T,
  options?: ResumeOptions,
): T {
  const { relation = 'child', maxParentAge = DAY } = options ?? {};
  checkOneOf('relation', relation, ['child', 'link']);
  checkMilliseconds('maxParentAge', maxParentAge, '3_600_000');
  const settings = handleSettings(options);
  const active = contextApi.active();
  const saved = parseHandle(handle);
  const chain = settings.lineage === undefined ? undefined : activeChain(active);
  return runInbound(
    {
      transport: HANDLE,
      name,
      kind: SpanKind.CONSUMER,
      attributes: { [ATTR_TRANSPORT]: HANDLE },
      channel: 'broker',
      carrier: carrierOf(handle, saved, relation, chain, settings),
      reader: metaFields,
      ownLineage: settings.lineage && chainText(undefined, relation, chain, settings.lineage, settings.agent),
      peer: { name },
      links: wokenBy(active),
      stale: relation === 'link' || (saved !== undefined && ageOf(saved) > maxParentAge),
    },
    settings,
    { work: ({ span }) => fn(span) },
  );
}

// How far the clocks of two machines may be apart.
const MINUTE = 60_000;

// One that says it comes from later than that would never grow old.
function ageOf({ savedAt }: HandleFields): number {
  const age = Date.now() - savedAt;
  return age < -MINUTE ? Infinity : age;
}

const nothing: HandleFields = Object.freeze({
  savedAt: 0,
  traceparent: undefined,
  tracestate: undefined,
  lineage: undefined,
});

// Whatever propagator the rest of the program uses, a handle holds W3C trace context, and never the user's baggage.
const handleSettings = remembering((options: HopOptions | undefined): HopSettings => {
  const settings = hopSettings(options, { name: '@throughline/core', version }, ['relation', 'maxParentAge']);
  const { limits } = settings;
  const { baggage } = settings.options;
  return {
    ...settings,
    options: { ...settings.options, baggage: { ...baggage, send: [] } },
    sends: () => false,
    firstParty: () => true,
    propagator: () => ({ kind: 'w3c', trace: true, state: true, baggage: true, limits }),
  };
});

function carrierOf(
  handle: unknown,
  saved: HandleFields | undefined,
  relation: 'child' | 'link',
  active: LineageFields | undefined,
  { lineage: rules, agent }: HopSettings,
): Readonly<Record<string, string | undefined>> {
  const lineage = rules === undefined ? saved?.lineage : chainText(saved, relation, active, rules, agent);
  return {
    // What is there and cannot be read is offered as it is: it counts as invalid.
    traceparent: saved === undefined ? given(handle) : saved.traceparent,
    tracestate: saved?.tracestate,
    baggage: lineage === undefined ? undefined : `${LINEAGE_KEY}=${lineage}`,
  };
}

function given(handle: unknown): string | undefined {
  return handle === null || handle === undefined ? undefined : 'not a handle';
}

/**
 * The chain that goes on: as deep as the handle says, and as what resumes it, so that a chain which comes back to an old handle
 * again and again gets deeper all the same.
 */
function chainText(
  saved: HandleFields | undefined,
  relation: 'child' | 'link',
  active: LineageFields | undefined,
  rules: LineageRules,
  agent: Agent | undefined,
): string | undefined {
  const held = parseLineage(saved?.lineage);
  if (held === undefined && (active === undefined || active.hops === 0)) return undefined;
  const from = held ?? rootChain(rules.maxHops);
  const folded = active === undefined ? from : { ...from, ...foldedChain([from, active]) };
  return formatLineage({
    ...folded,
    // A schedule outlives the request that made it.
    deadline: relation === 'link' ? undefined : from.deadline,
    budget: from.budget,
    tokens: from.tokens,
    cost: from.cost,
    // Whoever goes on with its own work has not come back to itself: it is in the path once, when it next sends.
    path: withoutLast(folded.path, agent?.hash),
  });
}

function withoutLast(path: string, hash: string | undefined): string {
  const last = path.lastIndexOf('~');
  return path.slice(last + 1) === hash ? path.slice(0, Math.max(0, last)) : path;
}

// A span that has ended is the context of some timer's making, and one that does not record is not exported.
function wokenBy(active: Context): readonly Link[] {
  const span = trace.getSpan(active);
  return span?.isRecording() === true ? [{ context: span.spanContext() }] : [];
}
