import type { Transport } from '../hop/hop.ts';
import { appendAgent, agentHash, formatLineage, onPath } from './codec.ts';
import type { LineageFields } from './codec.ts';
import { lineageOf } from './chain.ts';
import type { Chain, Lineage, Purse } from './chain.ts';
import { checkBoolean, checkFunction, checkKnown, checkObject, checkOneOf, checkWhole } from '../option-checks.ts';
import type { LineageReason } from './refusal.ts';
import { warnOnce } from '../diagnostics.ts';

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
   * Calls that a chain which starts here may make, at all depths together. Each outbound hop takes one and hands a share of
   * the rest on to its receiver. Default: no budget.
   */
  readonly budget?: number | undefined;
  /** Over how many calls an agent's budget is split: each hands on one part in so many of what is left. Default 8. */
  readonly fanOut?: number | undefined;
  /** Whether lineage stays when the `inbound` policy restarts the trace. Default `false`. */
  readonly keepOnRestart?: boolean | undefined;
  /** Told of every excess, refused or not, and of cycles. What it throws is told once and otherwise ignored. */
  readonly onLineage?: ((event: LineageEvent) => void) | undefined;
}

/** Lineage options, checked. */
export interface LineageRules {
  readonly enforce: boolean;
  readonly maxHops: number;
  readonly maxCalls: number;
  readonly maxAttempts: number;
  readonly budget: number | undefined;
  readonly fanOut: number;
  readonly keepOnRestart: boolean;
  readonly onLineage: ((event: LineageEvent) => void) | undefined;
  /** The hash of this agent's name. */
  readonly hash: string | undefined;
  /** The first hop of a chain would say nothing but that it is one. */
  readonly implied: boolean;
  /** The member of the first step of a chain that begins here, which most chains take; `undefined` where there is a budget. */
  readonly first: string | undefined;
}

const MOST = 999_999_999;

// As an object, so that the compiler tells when one is missing.
const LINEAGE_OPTIONS: Readonly<Record<keyof LineageOptions, true>> = {
  mode: true,
  maxHops: true,
  maxCalls: true,
  maxAttempts: true,
  budget: true,
  fanOut: true,
  keepOnRestart: true,
  onLineage: true,
};

/** Returns the rules that these options make, or `undefined` where lineage is off. Throws for a wrong option. */
export function lineageRules(
  given: LineageOptions | false | undefined,
  agent: string | undefined,
): LineageRules | undefined {
  if (given === false) return undefined;
  const options = given ?? {};
  checkObject('lineage', options, "an object, such as { mode: 'enforce' }, or false");
  checkKnown(options, Object.keys(LINEAGE_OPTIONS), 'lineage');
  checkOneOf('lineage.mode', options.mode, ['observe', 'enforce']);
  checkFunction('lineage.onLineage', options.onLineage, 'a function of the event');
  checkBoolean('lineage.keepOnRestart', options.keepOnRestart);
  const maxHops = whole('maxHops', options.maxHops, 1) ?? 32;
  const budget = whole('budget', options.budget, 0);
  const hash = agent === undefined ? undefined : agentHash(agent);
  const root = { hops: 1, maxHops, attempt: 1, deadline: undefined, budget: undefined, path: hash ?? '' };
  return {
    enforce: options.mode === 'enforce',
    maxHops,
    maxCalls: whole('maxCalls', options.maxCalls, 1) ?? 1000,
    maxAttempts: whole('maxAttempts', options.maxAttempts, 1) ?? 16,
    budget,
    fanOut: whole('fanOut', options.fanOut, 1) ?? 8,
    keepOnRestart: options.keepOnRestart === true,
    onLineage: options.onLineage,
    hash,
    implied: agent === undefined && options.maxHops === undefined && budget === undefined,
    first: budget === undefined ? formatLineage(root) : undefined,
  };
}

function whole(name: string, value: number | undefined, least: number): number | undefined {
  checkWhole(`lineage.${name}`, value, least, MOST);
  return value;
}

/** Returns the limit that an inbound hop is past, if any. */
export function inboundExcess(rules: LineageRules, chain: LineageFields): LineageReason | undefined {
  if (chain.hops > Math.min(chain.maxHops, rules.maxHops)) return 'hops';
  if (chain.attempt > rules.maxAttempts && chain.attempt > 1) return 'attempts';
  if (chain.deadline !== undefined && Date.now() > chain.deadline) return 'deadline';
  return undefined;
}

/** What an outbound hop takes with it. */
export interface Departure {
  readonly excess: LineageReason | undefined;
  /** The value of the lineage member to send. */
  readonly text: string;
}

/**
 * Returns what an outbound hop takes with it, and draws it from the account and the purse of `chain`. A reply restores the hop
 * count of the request that it answers, brings back what is left of the budget, and is never past a limit on hops or calls.
 */
export function departed(
  rules: LineageRules,
  chain: Chain,
  hop: { readonly reply?: boolean | undefined; readonly messages?: number | undefined },
): Departure {
  const { account, purse } = chain;
  const reply = hop.reply === true && chain.hops > 0;
  const maxHops = Math.min(chain.maxHops, rules.maxHops);
  const hops = reply ? chain.hops - 1 : chain.hops + 1;
  let excess: LineageReason | undefined;
  if (chain.deadline !== undefined && Date.now() > chain.deadline) excess = 'deadline';
  else if (chain.attempt > rules.maxAttempts) excess = 'attempts';
  let share: number | undefined;
  if (reply) {
    share = purse?.left;
    if (purse !== undefined) purse.left = 0;
  } else {
    const messages = Math.max(0, hop.messages ?? 1);
    if (messages > 0) account.calls++;
    if (hops > maxHops) excess ??= 'hops';
    else if (account.calls > rules.maxCalls) excess ??= 'calls';
    if (purse !== undefined && messages > 0) {
      if (purse.left < messages) excess ??= 'budget';
      if (excess === undefined || !rules.enforce) share = handedOn(purse, messages, rules.fanOut);
    }
  }
  if (chain.exempt === true) excess = undefined;
  // Without a budget all that an agent sends from one place in the chain says the same.
  const same = !reply && share === undefined;
  if (same && chain.sentBy === rules && chain.sent !== undefined) return { excess, text: chain.sent };
  const text = formatLineage({
    hops: Math.min(hops, MOST),
    maxHops,
    attempt: chain.attempt,
    deadline: chain.deadline,
    budget: share,
    path: rules.hash === undefined ? chain.path : appendAgent(chain.path, rules.hash),
  });
  if (same) {
    chain.sent = text;
    chain.sentBy = rules;
  }
  return { excess, text };
}

// One for each message, and of what is left each message an equal share of one part in `fanOut`. A single part is all.
function handedOn(purse: Purse, messages: number, fanOut: number): number {
  purse.left = Math.max(0, purse.left - messages);
  const share = Math.floor(purse.left / Math.max(fanOut, messages));
  purse.left -= share * messages;
  return share;
}

/** Returns whether this agent has been in the chain before. */
export function isCycle(rules: LineageRules, chain: LineageFields): boolean {
  return rules.hash !== undefined && chain.path !== '' && onPath(chain.path, rules.hash);
}

/** Tells the user's hook. */
export function tellLineage(rules: LineageRules, chain: Chain, event: Omit<LineageEvent, 'lineage'>): void {
  if (rules.onLineage === undefined) return;
  try {
    rules.onLineage({ ...event, lineage: lineageOf(chain) });
  } catch (error) {
    warnOnce('on-lineage', `\`lineage.onLineage\` threw: ${String(error)}`);
  }
}
