import { textOf, warnOnce } from '../diagnostics.ts';
import {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkObject,
  checkOneOf,
  checkWhole,
  optionError,
} from '../option-checks.ts';
import type { Transport } from '../parties.ts';
import type { Agent } from './agent.ts';
import { chainOf, lineageOf } from './chain.ts';
import type { CallsLeft, Chain, Lineage } from './chain.ts';
import { appendAgent, formatLineage, MAX_COUNT, onPath, withoutLastAgent } from './codec.ts';
import type { LineageFields } from './codec.ts';
import { budgetFields, costLeft, spentOf, tokensLeft } from './funds.ts';
import type { Budget, BudgetFields } from './funds.ts';
import type { LineageReason } from './refusal.ts';

/** What a hop did that its chain should be seen for. */
export interface LineageEvent {
  /** The limit that it went past; `cycle` where this agent is in the path already, which by itself is never refused. */
  readonly reason: LineageReason | 'cycle';
  /** Whether the hop was refused. */
  readonly refused: boolean;
  readonly transport: Transport;
  readonly direction: 'inbound' | 'outbound';
  /** The name of the hop's span. */
  readonly name: string;
  readonly lineage: Lineage;
}

/** Limits on a chain of agents and tools. Receivers may tighten what the chain brings, never widen it. */
export interface LineageOptions {
  /** `observe` records what goes past a limit; `enforce` refuses it before any work. Default `observe`. */
  readonly mode?: 'observe' | 'enforce' | undefined;
  /** Hops from the root of the chain. Default 32. */
  readonly maxHops?: number | undefined;
  /** Outbound hops under one inbound hop: what stops a loop that calls one tool again and again. Default 1000. */
  readonly maxCalls?: number | undefined;
  /** Attempts of the same work, multiplied along the chain. Default 16. */
  readonly maxAttempts?: number | undefined;
  /**
   * Milliseconds from its arrival that the deadline of a chain may be away: one that is further away counts as that far. What sets a
   * deadline here, `withDeadline`, is not bound by it. Default 3,600,000: one hour.
   */
  readonly maxDeadline?: number | undefined;
  /**
   * What a chain which starts here may use; one that comes in has as much at the most. A number is one of calls, at all depths
   * together: each outbound hop takes one and hands a share of the rest on to its receiver. Of tokens and money each receiver is
   * told what is left. Default: no budget.
   */
  readonly budget?: number | Budget | undefined;
  /** Over how many calls an agent's budget is split: each hands on one part in so many of what is left. Default 8. */
  readonly fanOut?: number | undefined;
  /** Whether lineage stays when the `inbound` policy restarts the trace. Default `false`. */
  readonly keepOnRestart?: boolean | undefined;
  /** Told of every excess, refused or not, and of cycles. What it throws is told once and otherwise ignored. */
  readonly onLineage?: ((event: LineageEvent) => void) | undefined;
}

/** Lineage options, checked. */
export interface LineageRules extends BudgetFields {
  readonly enforce: boolean;
  readonly maxHops: number;
  readonly maxCalls: number;
  readonly maxAttempts: number;
  readonly maxDeadline: number;
  readonly fanOut: number;
  readonly keepOnRestart: boolean;
  readonly onLineage: ((event: LineageEvent) => void) | undefined;
  /** Nobody asked for a chain: its first hop would say nothing but that it is one. */
  readonly implied: boolean;
}

// As an object, so that the compiler tells when one is missing.
const LINEAGE_OPTIONS: Readonly<Record<keyof LineageOptions, true>> = {
  mode: true,
  maxHops: true,
  maxCalls: true,
  maxAttempts: true,
  maxDeadline: true,
  budget: true,
  fanOut: true,
  keepOnRestart: true,
  onLineage: true,
};

/**
 * Returns the rules that these options make, or `undefined` where lineage is off; `isNamed` says whether the agent has a name. Throws
 * for a wrong option.
 */
export function lineageRules(given: LineageOptions | false | undefined, isNamed: boolean): LineageRules | undefined {
  if (given === false) return undefined;
  const options = given ?? {};
  checkObject('lineage', options, "an object, such as { mode: 'enforce' }, or false");
  checkKnown(options, Object.keys(LINEAGE_OPTIONS), 'lineage');
  checkOneOf('lineage.mode', options.mode, ['observe', 'enforce']);
  checkFunction('lineage.onLineage', options.onLineage, 'a function of the event');
  checkBoolean('lineage.keepOnRestart', options.keepOnRestart);
  const maxHops = whole('maxHops', options.maxHops, 1) ?? 32;
  const budget = budgetFields(options.budget);
  if (budget === undefined && options.budget !== undefined) {
    throw optionError('lineage.budget', 'a whole number from 0, of calls, or { calls, tokens, cost }', options.budget);
  }
  return {
    enforce: options.mode === 'enforce',
    maxHops,
    maxCalls: whole('maxCalls', options.maxCalls, 1) ?? 1000,
    maxAttempts: whole('maxAttempts', options.maxAttempts, 1) ?? 16,
    maxDeadline: whole('maxDeadline', options.maxDeadline, 1) ?? 3_600_000,
    budget: budget?.budget,
    tokens: budget?.tokens,
    cost: budget?.cost,
    fanOut: whole('fanOut', options.fanOut, 1) ?? 8,
    keepOnRestart: options.keepOnRestart === true,
    onLineage: options.onLineage,
    implied: !isNamed && options.maxHops === undefined && budget === undefined,
  };
}

function whole(name: string, value: number | undefined, least: number): number | undefined {
  checkWhole(`lineage.${name}`, value, least, MAX_COUNT);
  return value;
}

/** Returns the limit that an inbound hop is past, if any. */
export function inboundExcess(rules: LineageRules, chain: LineageFields): LineageReason | undefined {
  if (chain.hops > Math.min(chain.maxHops, rules.maxHops)) return 'hops';
  if (chain.attempt > rules.maxAttempts && chain.attempt > 1) return 'attempts';
  if (chain.deadline !== undefined && Date.now() > chain.deadline) return 'deadline';
  return undefined;
}

/** Returns the chain that an inbound hop is in: what it was offered, tightened. */
export function enteredChain(rules: LineageRules, offered: LineageFields): Chain {
  const { hops, maxHops, attempt, deadline, budget, path, tokens, cost } = offered;
  return chainOf({
    hops,
    attempt,
    deadline: deadline === undefined ? undefined : Math.min(deadline, Date.now() + rules.maxDeadline),
    path,
    maxHops: Math.min(maxHops, rules.maxHops),
    budget: tighter(budget, rules.budget),
    tokens: tighter(tokens, rules.tokens),
    cost: tighter(cost, rules.cost),
  });
}

function tighter(offered: number | undefined, own: number | undefined): number | undefined {
  return own === undefined ? offered : Math.min(offered ?? Infinity, own);
}

/** How an outbound hop moves in its chain. By default it is one step deeper. */
export interface Move {
  /** An answer: it restores the hop count of the request that it answers. */
  readonly reply?: boolean | undefined;
  /** The work that came in, sent on as it is, such as a retry or a dead letter: it restores the hop count that it came with. */
  readonly forward?: boolean | undefined;
  /** How many messages travel: a budget of calls is split over them. `0`: no work is asked for. Default 1. */
  readonly messages?: number | undefined;
}

/** What an outbound hop takes with it. */
export interface Step {
  readonly excess: LineageReason | undefined;
  /** The value of the lineage member to send. */
  readonly text: string;
}

/**
 * Returns what an outbound hop takes with it, and draws it from the calls of `chain`. A reply or a forwarded message is no step
 * deeper, hands back what is left of the budget, and is past no limit but a deadline and attempts. What asks for no work, such as a
 * commit, a cancellation or a notification, is past no limit at all.
 */
export function stepOut(rules: LineageRules, chain: Chain, move: Move, agent: Agent | undefined): Step {
  const { left, funds } = chain;
  const messages = Math.max(0, move.messages ?? 1);
  const maxHops = Math.min(chain.maxHops, rules.maxHops);
  const reply = move.reply === true && chain.hops > 0;
  const returns = reply || move.forward === true;
  const hops = reply ? chain.hops - 1 : move.forward === true ? chain.hops : chain.hops + 1;
  let path = chain.path;
  if (reply) path = withoutLastAgent(path);
  else if (!returns && agent !== undefined) path = appendAgent(path, agent.hash);
  let excess: LineageReason | undefined;
  let budget = left?.count;
  if (messages > 0) {
    if (chain.deadline !== undefined && Date.now() > chain.deadline) excess = 'deadline';
    else if (chain.attempt > rules.maxAttempts) excess = 'attempts';
    if (returns) {
      if (left !== undefined) left.count = 0;
    } else {
      chain.calls.made++;
      if (hops > maxHops) excess ??= 'hops';
      else if (chain.calls.made > rules.maxCalls) excess ??= 'calls';
      if (left !== undefined) {
        if (left.count < messages) excess ??= 'budget';
        budget = excess === undefined || !rules.enforce ? share(left, messages, rules.fanOut) : undefined;
      }
      if (funds !== undefined) excess ??= spentOf(funds);
    }
    if (chain.exempt) excess = undefined;
  }
  const { attempt, deadline } = chain;
  const text = formatLineage({
    hops: Math.min(hops, MAX_COUNT),
    maxHops,
    attempt,
    deadline,
    budget,
    path,
    tokens: tokensLeft(funds),
    cost: costLeft(funds),
  });
  return { excess, text };
}

// Each message takes one call, and an equal share of one part in `fanOut` of what is left. A single part is all.
function share(left: CallsLeft, messages: number, fanOut: number): number {
  left.count = Math.max(0, left.count - messages);
  const each = Math.floor(left.count / Math.max(fanOut, messages));
  left.count -= each * messages;
  return each;
}

/**
 * Returns whether work comes back to this agent that it had a part in before: A, B, A. What an agent sends itself, such as a retry
 * through a topic of its own, has not been anywhere else.
 */
export function isCycle(agent: Agent | undefined, { path }: LineageFields): boolean {
  if (agent === undefined || path === '') return false;
  const { hash } = agent;
  let before = path;
  while (before === hash || before.endsWith(`~${hash}`)) before = withoutLastAgent(before);
  return onPath(before, hash);
}

/** Tells the user's hook. */
export function tellLineage(rules: LineageRules, chain: Chain, event: Omit<LineageEvent, 'lineage'>): void {
  if (rules.onLineage === undefined) return;
  try {
    rules.onLineage({ ...event, lineage: lineageOf(chain) });
  } catch (error) {
    warnOnce('on-lineage', `\`lineage.onLineage\` threw: ${textOf(error)}`);
  }
}
