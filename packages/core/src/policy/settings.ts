import { trace } from '@opentelemetry/api';
import type { Attributes, Tracer } from '@opentelemetry/api';
import { attributeKeys, defaultAttributeKeys, isCount } from './baggage-attributes.ts';
import { ATTR_AGENT_ID, ATTR_AGENT_NAME, ATTR_AGENT_VERSION } from '../conventions.ts';
import { ThroughlineError } from '../errors.ts';
import { firstPartyRule } from './first-party.ts';
import type { Target } from '../parties.ts';
import { hopsCounter } from '../telemetry/hops-counter.ts';
import type { CountHop } from '../telemetry/hops-counter.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import { defaultLimits } from '../w3c/limits.ts';
import type { Limits } from '../w3c/limits.ts';
import type { AgentIdentity, HopOptions } from './options.ts';
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
  readonly agent: Attributes;
  /** @internal */
  readonly count: CountHop;
  /** @internal */
  readonly propagator: () => PropagatorChoice;
  /** @internal */
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

/** Returns the settings of a hop that no adapter describes: all defaults, in core's own scope. */
export function defaultSettings(): HopSettings {
  return (defaults ??= hopSettings(undefined, { name: '@throughline/core', version }));
}

let defaults: HopSettings | undefined;

/**
 * Returns the settings of one wrap. Throws a {@link ThroughlineError} with the fix in its message for an option that cannot
 * be meant.
 */
export function hopSettings(options: HopOptions | undefined, scope: HopScope): HopSettings {
  const given = options ?? {};
  if (typeof given !== 'object') throw wrong('options', 'an object, such as { agent: "planner" }', given);
  oneOf('inbound', given.inbound, INBOUND, true);
  oneOf('outbound', given.outbound, OUTBOUND, true);
  if (given.authenticated !== undefined && typeof given.authenticated !== 'function') {
    throw wrong('authenticated', 'a function of the peer that returns true or false', given.authenticated);
  }
  if (given.answer !== undefined && given.answer !== 'first-party' && typeof given.answer !== 'boolean') {
    throw wrong('answer', "'first-party', true or false", given.answer);
  }
  oneOf('existing', given.existing, ['replace', 'keep'], false);
  if (given.spans !== undefined && typeof given.spans !== 'boolean') throw wrong('spans', 'true or false', given.spans);
  if (given.firstParty !== undefined && typeof given.firstParty !== 'boolean' && !Array.isArray(given.firstParty)) {
    throw wrong('firstParty', "true, false or a list such as ['*.example.com']", given.firstParty);
  }
  const baggage = given.baggage ?? {};
  if (typeof baggage !== 'object') throw wrong('baggage', 'an object, such as { send: false }', baggage);
  const { send } = baggage;
  if (send !== undefined && typeof send !== 'boolean' && typeof send !== 'function' && !Array.isArray(send)) {
    throw wrong('baggage.send', 'true, false, a list of keys or a function of the target', send);
  }
  const { toAttributes = defaultAttributeKeys, maxValues } = baggage;
  if (!Array.isArray(toAttributes) || toAttributes.some((key) => typeof key !== 'string')) {
    throw wrong('baggage.toAttributes', "a list of keys, such as ['session.id']", toAttributes);
  }
  if (maxValues !== undefined && !isCount(maxValues)) {
    throw wrong('baggage.maxValues', 'a whole number from 1, such as 100', maxValues);
  }
  const settings: HopSettings = {
    options: given,
    spans: given.spans ?? true,
    limits: limitsOf(given.limits),
    asksPeer:
      typeof given.inbound === 'function' ||
      given.authenticated !== undefined ||
      (given.inbound === 'restart-with-link' && typeof given.answer !== 'boolean'),
    tracer: given.tracerProvider?.getTracer(scope.name, scope.version) ?? trace.getTracer(scope.name, scope.version),
    agent: agentAttributes(given.agent),
    lineage: lineageRules(given.lineage, typeof given.agent === 'object' ? given.agent.name : given.agent),
    count: hopsCounter(given.meterProvider, scope),
    propagator: propagatorChoice(given.propagator),
    firstParty: firstPartyRule(given.firstParty),
    accepts: baggage.accept === undefined ? undefined : matcher(baggage.accept, 'baggage.accept'),
    sends: Array.isArray(send) ? matcher(send, 'baggage.send') : undefined,
    toAttributes: attributeKeys(toAttributes),
    maxValues,
  };
  return settings;
}

/** The attributes of an agent that has no name. */
export const noAttributes: Attributes = Object.freeze({});

function agentAttributes(agent: string | AgentIdentity | undefined): Attributes {
  if (agent === undefined) return noAttributes;
  const identity: AgentIdentity = typeof agent === 'string' ? { name: agent } : agent;
  if (typeof identity !== 'object' || identity === null || typeof identity.name !== 'string' || identity.name === '') {
    throw wrong('agent', 'a name, or { name, id, version }', agent);
  }
  const attributes: Attributes = { [ATTR_AGENT_NAME]: identity.name };
  if (identity.id !== undefined) attributes[ATTR_AGENT_ID] = identity.id;
  if (identity.version !== undefined) attributes[ATTR_AGENT_VERSION] = identity.version;
  return attributes;
}

function limitsOf(given: Partial<Limits> | undefined): Limits {
  if (given === undefined) return defaultLimits;
  const limits = { ...defaultLimits, ...given };
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) {
    if (!Number.isInteger(limits[name]) || limits[name] < 0) {
      throw wrong(`limits.${name}`, `a whole number, such as ${defaultLimits[name]}`, limits[name]);
    }
  }
  return limits;
}

function oneOf(name: string, value: unknown, allowed: readonly string[], orFunction: boolean): void {
  if (value === undefined || (orFunction && typeof value === 'function')) return;
  if (typeof value !== 'string' || !allowed.includes(value)) {
    throw wrong(
      name,
      `one of ${allowed.map((one) => `'${one}'`).join(', ')}${orFunction ? ' or a function that returns one' : ''}`,
      value,
    );
  }
}

function wrong(name: string, takes: string, given: unknown): ThroughlineError {
  const shown = typeof given === 'string' ? `'${given}'` : given === null ? 'null' : typeof given;
  return new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${name}\` takes ${takes}; it was given ${shown}.`);
}
