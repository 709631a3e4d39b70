import { context as contextApi, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { ATTR_LINEAGE_REASON, EVENT_LINEAGE_EXCEEDED } from '../conventions.ts';
import { lineageOf } from '../lineage/chain.ts';
import { draw, spentOf } from '../lineage/funds.ts';
import type { FundsReason, Spent } from '../lineage/funds.ts';
import { LineageError } from '../lineage/refusal.ts';
import { activeChain } from '../lineage/state.ts';
import type { HopSettings } from '../policy/settings.ts';
import { describeSpan } from '../telemetry/span.ts';
import { noteExcess } from './position.ts';
import type { NotedHop } from './position.ts';

/**
 * Takes tokens and money from what is left of the budget here, and of every budget around it in this process. Returns which of
 * them is spent now: in `enforce` mode the next call is refused. Where more went than was left, the span of `context` has an event
 * that says so. Nothing happens where there is no budget. Never throws: what is no amount counts as nothing.
 *
 * @example
 * ```ts
 * const { usage } = await ask(question);
 * spendBudget({ tokens: usage.total_tokens, cost: usage.total_tokens * PRICE });
 * ```
 */
export function spendBudget(spent: Spent, context: Context = contextApi.active()): FundsReason | undefined {
  const funds = activeChain(context)?.funds;
  if (funds === undefined) return undefined;
  const past = draw(funds, spent);
  const span = trace.getSpan(context);
  if (past !== undefined && span !== undefined) {
    describeSpan(span, (recorded) => recorded.addEvent(EVENT_LINEAGE_EXCEEDED, { [ATTR_LINEAGE_REASON]: past }));
  }
  return spentOf(funds);
}

/**
 * For a call that is no hop, such as one of a model: returns the error to throw in its place where the budget of tokens or money in
 * `context` is spent and lineage is enforced. Where it is observed the call goes on. Either way `span`, which is that of the call,
 * shows it, and `lineage.onLineage` is told.
 */
export function refusedSpending(
  call: NotedHop,
  span: Span,
  settings: HopSettings,
  context: Context = contextApi.active(),
): LineageError | undefined {
  const { lineage: rules } = settings;
  const chain = rules === undefined ? undefined : activeChain(context);
  const spent = chain?.exempt === true ? undefined : spentOf(chain?.funds);
  if (rules === undefined || chain === undefined || spent === undefined) return undefined;
  noteExcess(call, 'outbound', rules, chain, spent, false, span);
  return rules.enforce ? new LineageError(spent, lineageOf(chain)) : undefined;
}
