import { trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { attributeKeys, checkMaxValues, defaultAttributeKeys } from './baggage-attributes.ts';
import { firstPartyRule } from './first-party.ts';
import type { Target } from '../parties.ts';
import { hopsCounter } from '../telemetry/hops-counter.ts';
import type { CountHop } from '../telemetry/hops-counter.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import type { Limits } from '../w3c/limits.ts';
import {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkMisspelt,
  checkObject,
  checkOneOf,
  checkOneOfOrFunction,
  optionError,
} from '../option-checks.ts';
import type { BaggageOptions, HopOptions } from './options.ts';
import { agentOf } from '../lineage/agent.ts';
import type { Agent } from '../lineage/agent.ts';
import { lineageRules } from '../lineage/rules.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { matcher } from './pattern.ts';
import { propagatorChoice } from '../carrier/propagation.ts';
import type { PropagatorChoice } from '../carrier/propagation.ts';
import { version } from '../version.ts';

/** Options checked once, and what follows from them. Adapters pass it on and look at `spans` alone. */
export interface HopSettings {
  readonly options: HopOptions;
  readonly spans: boolean;
  readonly limits: Limits;
  /** Whether a hop's `peer` is asked for whatever it carries: an adapter may leave out what is costly to say else. */
  readonly asksPeer: boolean;
  /** @internal */
  readonly tracer: Tracer;
  /** @internal */
  readonly agent: Agent | undefined;
  /** @internal */
  readonly count: CountHop;
  /** @internal */
  readonly propagator: () => PropagatorChoice;
  /** Whether a target is ours. */
  readonly firstParty: (target: Target) => boolean;
  /** @internal */
  readonly accepts: ((key: string) => boolean) | undefined;
  /** @internal */
  readonly sends: ((key: string) => boolean) | undefined;
  /** @internal */
  readonly lineage: LineageRules | undefined;
  /** @internal */
  readonly toAttributes: readonly string[];
  /** @internal */
  readonly maxValues: number | undefined;
}

const INBOUND = ['continue', 'restart-with-link', 'restart'];
const OUTBOUND = ['inject', 'suppress'];

// As objects, so that the compiler tells when one is missing.
const HOP_OPTIONS: Readonly<Record<keyof HopOptions, true>> = {
  agent: true,
  inbound: true,
  authenticated: true,
  answer: true,
  outbound: true,
  firstParty: true,
  recordErrorText: true,
  baggage: true,
  limits: true,
  lineage: true,
  existing: true,
  spans: true,
  propagator: true,
  tracerProvider: true,
  meterProvider: true,
};
const BAGGAGE_OPTIONS: Readonly<Record<keyof BaggageOptions, true>> = {
  accept: true,
  send: true,
  toAttributes: true,
  maxValues: true,
};

/** Returns the settings of a hop that no adapter describes: all defaults, in core's own scope. */
export function defaultSettings(): HopSettings {
  return (defaults ??= hopSettings(undefined, { name: '@throughline/core', version }));
}

let defaults: HopSettings | undefined;

/**
 * Returns the settings of one wrap. `own` names the options that the adapter takes beside those of every hop, so that a
 * misspelt one is told from those of other adapters. Throws a {@link ThroughlineError} with the fix in its message for an
 * option that is wrong or misspelt.
 */
export function hopSettings(
  options: HopOptions | undefined,
  scope: HopScope,
  own: readonly string[] = [],
): HopSettings {
  const given = options ?? {};
  checkObject('options', given, "an object, such as { agent: 'planner' }");
  checkMisspelt(given, [...Object.keys(HOP_OPTIONS), ...own]);
  checkOneOfOrFunction('inbound', given.inbound, INBOUND);
  checkOneOfOrFunction('outbound', given.outbound, OUTBOUND);
  checkFunction('authenticated', given.authenticated, 'a function of the peer that returns true or false');
  const { answer } = given;
  if (answer !== undefined && typeof answer !== 'boolean' && answer !== 'first-party' && answer !== 'authenticated') {
    throw optionError('answer', "'first-party', 'authenticated', true or false", answer);
  }
  checkOneOf('existing', given.existing, ['replace', 'keep']);
  checkBoolean('spans', given.spans);
  if (given.firstParty !== undefined && typeof given.firstParty !== 'boolean' && !Array.isArray(given.firstParty)) {
    throw optionError('firstParty', "true, false or a list such as ['*.example.com']", given.firstParty);
  }
  checkBoolean('recordErrorText', given.recordErrorText);
  const baggage = given.baggage ?? {};
  checkObject('baggage', baggage, 'an object, such as { send: false }');
  checkKnown(baggage, Object.keys(BAGGAGE_OPTIONS), 'baggage');
  const { send } = baggage;
  if (send !== undefined && typeof send !== 'boolean' && typeof send !== 'function' && !Array.isArray(send)) {
    throw optionError('baggage.send', 'true, false, a list of keys or a function of the target', send);
  }
  const { toAttributes = defaultAttributeKeys, maxValues } = baggage;
  if (!Array.isArray(toAttributes) || toAttributes.some((key) => typeof key !== 'string')) {
    throw optionError('baggage.toAttributes', "a list of keys, such as ['session.id']", toAttributes);
  }
  checkMaxValues('baggage.maxValues', maxValues);
  const propagator = propagatorChoice(given.propagator, given.limits);
  const settings: HopSettings = {
    options: given,
    spans: given.spans ?? true,
    // A propagator may bring limits of its own, and the global one may come after the wrap.
    get limits() {
      return propagator().limits;
    },
    asksPeer:
      typeof given.inbound === 'function' ||
      given.authenticated !== undefined ||
      (given.inbound === 'restart-with-link' && typeof given.answer !== 'boolean'),
    tracer: given.tracerProvider?.getTracer(scope.name, scope.version) ?? trace.getTracer(scope.name, scope.version),
    agent: agentOf(given.agent),
    lineage: lineageRules(given.lineage, given.agent !== undefined),
    count: hopsCounter(given.meterProvider, scope),
    propagator,
    firstParty: firstPartyRule(given.firstParty),
    accepts: baggage.accept === undefined ? undefined : matcher(baggage.accept, 'baggage.accept'),
    sends: Array.isArray(send) ? matcher(send, 'baggage.send') : undefined,
    toAttributes: attributeKeys(toAttributes),
    maxValues,
  };
  return settings;
}
