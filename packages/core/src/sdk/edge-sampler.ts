import { isSpanContextValid, SamplingDecision, trace } from '@opentelemetry/api';
import type { Attributes, Context, TraceState } from '@opentelemetry/api';
import { ATTR_AGENT_NAME } from '../conventions.ts';
import { checkKnown, optionError } from '../option-checks.ts';
import type { Pattern } from '../policy/options.ts';
import { matcher } from '../policy/pattern.ts';
import { parseTracestate } from '../w3c/tracestate.ts';
import { SAMPLED_FLAG, trustsFlag } from '../hop/trust.ts';

/** What share of the traces that start at some route, or with some agent, is sampled. */
export interface EdgeRule {
  /**
   * Matched with `http.route`, else `url.path`, `messaging.destination.name` or `mcp.method.name` of the first span. In a path,
   * letter case, a slash at the end, repeated slashes and needless percent-encoding do not count, because to many routers, Express
   * among them, they do not. A regular expression sees the path as it came: `/^\/admin\//` misses `/ADMIN/`, `/^\/admin\//i` does not.
   */
  readonly route?: Pattern | undefined;
  /** Matched with `throughline.agent.name`, else `gen_ai.agent.name`, of the first span. */
  readonly agent?: Pattern | undefined;
  /** From 0, none, to 1, all. */
  readonly ratio: number;
}

/** Options of {@link edgeSampler}. */
export interface EdgeSamplerOptions {
  /** What share of traces is sampled where no rule says otherwise, from 0 to 1. */
  readonly ratio: number;
  /** The first that matches counts. A rule with a route and an agent takes both to match. */
  readonly rules?: readonly EdgeRule[] | undefined;
}

/** A `Sampler` of the OpenTelemetry SDK, 2.x and 3.x. */
export interface EdgeSampler {
  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    spanKind: number,
    attributes: Attributes,
    links: unknown,
  ): { decision: 0 | 2; traceState?: TraceState };
  toString(): string;
}

interface Verdict {
  decision: 0 | 2;
  traceState?: TraceState;
}

/** A probability, ready to be compared with. */
interface Threshold {
  /** 14 hex digits: what is below them is not sampled. `undefined`: nothing is sampled. */
  readonly rejects: string | undefined;
  /** What is sampled says at which threshold, in `ot` of its `tracestate`. */
  readonly state: TraceState | undefined;
  readonly th: string;
}

/**
 * Returns a sampler that decides once for a whole trace, where the trace enters your system, by its first span's route or agent.
 *
 * | parent | decision |
 * |---|---|
 * | none | the ratio, by the trace's randomness; `ot=th:…` in `tracestate` says which |
 * | local | the parent's |
 * | remote, not sampled | not sampled: a trace is never upgraded in the middle |
 * | remote, sampled, peer trusted | sampled |
 * | remote, sampled, peer not trusted | the ratio, by randomness of our own: the peer chose the trace id |
 *
 * A peer is trusted when it is authenticated (see `HopOptions.authenticated`), or reached us over anything but HTTP: a broker,
 * stdio, memory. Hops that no Throughline adapter received are not trusted. Use it by itself, or as `root` and
 * `remoteParentSampled` of the SDK's ParentBasedSampler. Throws a `ThroughlineError` for wrong options.
 *
 * Consistent probability: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 *
 * @example
 * ```ts
 * const sampler = edgeSampler({ ratio: 0.1, rules: [{ route: '/api/*', ratio: 1 }, { agent: 'planner', ratio: 0.5 }] });
 * ```
 */
export function edgeSampler(options: EdgeSamplerOptions): EdgeSampler {
  if (typeof options !== 'object' || options === null)
    throw optionError('edgeSampler', 'an object, such as { ratio: 0.1 }', options);
  checkKnown(options, ['ratio', 'rules'], 'edgeSampler');
  const otherwise = threshold(options.ratio, 'edgeSampler.ratio');
  const given: unknown = options.rules ?? [];
  if (!Array.isArray(given))
    throw optionError('edgeSampler.rules', "a list, such as [{ route: '/api/*', ratio: 1 }]", given);
  const rules = (given as readonly unknown[]).map((rule, index) => checked(rule, `edgeSampler.rules[${index}]`));

  const thresholdFor = (attributes: Attributes): Threshold => {
    for (const rule of rules) if (rule.matches(attributes)) return rule.threshold;
    return otherwise;
  };

  return {
    shouldSample(context, traceId, _name, _kind, attributes) {
      const parent = trace.getSpanContext(context);
      if (parent === undefined || !isSpanContextValid(parent)) {
        return root(thresholdFor(attributes), traceId, parent?.traceState);
      }
      if ((parent.traceFlags & SAMPLED_FLAG) === 0) return dropped;
      if (parent.isRemote !== true || trustsFlag(context, parent)) return sampled;
      const { rejects } = thresholdFor(attributes);
      return rejects !== undefined && ownRandomness() >= rejects ? sampled : dropped;
    },
    toString: () => `EdgeSampler{${options.ratio}${rules.length === 0 ? '' : `, ${rules.length} rules`}}`,
  };
}

// Without a traceState: that of the parent goes on as it is.
const dropped: Readonly<Verdict> = Object.freeze({ decision: SamplingDecision.NOT_RECORD });
const sampled: Readonly<Verdict> = Object.freeze({ decision: SamplingDecision.RECORD_AND_SAMPLED });

function root({ rejects, state, th }: Threshold, traceId: string, held: TraceState | undefined): Verdict {
  const ot = held?.get('ot');
  const explicit = ot === undefined ? undefined : randomValue(ot);
  const randomness = explicit ?? traceId.slice(-DIGITS);
  // Lower-case hex digits of one length compare as numbers do.
  if (rejects === undefined || randomness < rejects) return dropped;
  if (held === undefined || state === undefined)
    return { decision: SamplingDecision.RECORD_AND_SAMPLED, ...(state && { traceState: state }) };
  const member = explicit === undefined ? `th:${th}` : `th:${th};rv:${explicit}`;
  return { decision: SamplingDecision.RECORD_AND_SAMPLED, traceState: held.set('ot', member) };
}

// 56 bits, which is what both the trace id and `rv` have of randomness.
const DIGITS = 14;
const BITS = 56;

/** Returns the `rv` of an `ot` member: 14 lower-case hex digits. */
function randomValue(ot: string): string | undefined {
  for (const part of ot.split(';')) if (/^rv:[0-9a-f]{14}$/.test(part)) return part.slice(3);
  return undefined;
}

function ownRandomness(): string {
  // Two halves: Math.random() has 52 bits, and shifts 32.
  return half() + half();
}

function half(): string {
  return Math.floor(Math.random() * 0x1000_0000)
    .toString(16)
    .padStart(DIGITS / 2, '0');
}

function threshold(ratio: unknown, option: string): Threshold {
  if (typeof ratio !== 'number' || !(ratio >= 0 && ratio <= 1)) {
    throw optionError(option, 'a number from 0, nothing, to 1, everything, such as 0.1', ratio);
  }
  if (ratio * 2 ** BITS < 1) return { rejects: undefined, state: undefined, th: '' };
  const digits = rejected(ratio).toString(16).padStart(DIGITS, '0');
  const th = digits.replace(/0+$/, '') || '0';
  return { rejects: digits, state: parseTracestate(`ot=th:${th}`), th };
}

// Rounded to four hex digits past those that a ratio near 0 or 1 begins with, as the specification advises.
function rejected(ratio: number): bigint {
  const exact = 2n ** 56n - BigInt(Math.round(ratio * 2 ** BITS));
  const lead = Math.floor(Math.max(-Math.log2(ratio), ratio === 1 ? 0 : -Math.log2(1 - ratio)) / 4);
  const unit = 1n << BigInt(4 * Math.max(0, DIGITS - 4 - lead));
  const rounded = ((exact + unit / 2n) / unit) * unit;
  return rounded >= 2n ** 56n ? exact : rounded;
}

interface CheckedRule {
  readonly threshold: Threshold;
  matches(attributes: Attributes): boolean;
}

function checked(given: unknown, option: string): CheckedRule {
  if (typeof given !== 'object' || given === null)
    throw optionError(option, "an object, such as { route: '/api/*', ratio: 1 }", given);
  checkKnown(given, ['route', 'agent', 'ratio'], option);
  const { route, agent, ratio } = given as Partial<EdgeRule>;
  if (route === undefined && agent === undefined) {
    throw optionError(option, 'a `route` or an `agent`, and a share of all else is `ratio` of the options', given);
  }
  const isRoute = route === undefined ? undefined : routeMatcher(route, `${option}.route`);
  const isAgent = agent === undefined ? undefined : matcher([agent], `${option}.agent`);
  return {
    threshold: threshold(ratio, `${option}.ratio`),
    matches: (attributes) =>
      (isRoute === undefined || isRoute(attributes)) &&
      (isAgent === undefined || holds(isAgent, firstOf(attributes, agentAttributes))),
  };
}

const pathAttributes = ['http.route', 'url.path'];
const nameAttributes = ['messaging.destination.name', 'mcp.method.name'];
const agentAttributes = [ATTR_AGENT_NAME, 'gen_ai.agent.name'];

function routeMatcher(route: Pattern, option: string): (attributes: Attributes) => boolean {
  const isNamed = matcher([route], option);
  const isPath = typeof route === 'string' ? pathMatcher(route, option) : isNamed;
  return (attributes) => {
    const path = firstOf(attributes, pathAttributes);
    return path === undefined ? holds(isNamed, firstOf(attributes, nameAttributes)) : holds(isPath, path);
  };
}

function pathMatcher(route: string, option: string): (path: string) => boolean {
  const matches = matcher([comparablePath(route)], option);
  return (path) => {
    const text = comparablePath(path);
    return matches(text) || matches(text.endsWith('/') ? text.slice(0, -1) : `${text}/`);
  };
}

// More paths are alike here than to any one router, so that nobody can write a path that is routed as a rule's and missed by it.
function comparablePath(path: string): string {
  const decoded = path.includes('%') ? path.replace(/%[0-9a-f]{2}/gi, withoutNeed) : path;
  return (decoded.includes('//') ? decoded.replace(/\/{2,}/g, '/') : decoded).toLowerCase();
}

// RFC 3986, 6.2.2.2: unreserved characters mean the same encoded and not.
function withoutNeed(encoded: string): string {
  const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[\w.~-]/.test(character) ? character : encoded;
}

function firstOf(attributes: Attributes, names: readonly string[]): unknown {
  for (const name of names) if (attributes[name] !== undefined) return attributes[name];
  return undefined;
}

function holds(matches: (text: string) => boolean, value: unknown): boolean {
  return typeof value === 'string' && matches(value);
}
