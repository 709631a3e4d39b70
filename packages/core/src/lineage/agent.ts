import type { Attributes } from '@opentelemetry/api';
import { ATTR_AGENT_ID, ATTR_AGENT_NAME, ATTR_AGENT_VERSION } from '../conventions.ts';
import { optionError } from '../option-checks.ts';
import { agentHash } from './codec.ts';

/** An agent's own name, and what tells it from others of that name. */
export interface AgentIdentity {
  readonly name: string;
  readonly id?: string | undefined;
  readonly version?: string | undefined;
}

/** Whose hops these are. */
export interface Agent {
  /** What its hop spans say. */
  readonly attributes: Attributes;
  /** Its step in the path of the lineage. */
  readonly hash: string;
}

/** Returns the agent that an option names. Throws a `ThroughlineError` where it names none. */
export function agentOf(option: string | AgentIdentity | undefined): Agent | undefined {
  if (option === undefined) return undefined;
  const identity: AgentIdentity = typeof option === 'string' ? { name: option } : option;
  if (typeof identity !== 'object' || identity === null || typeof identity.name !== 'string' || identity.name === '') {
    throw optionError('agent', 'a name, or { name, id, version }', option);
  }
  const attributes: Attributes = { [ATTR_AGENT_NAME]: identity.name };
  if (identity.id !== undefined) attributes[ATTR_AGENT_ID] = identity.id;
  if (identity.version !== undefined) attributes[ATTR_AGENT_VERSION] = identity.version;
  return { attributes, hash: agentHash(identity.name) };
}
