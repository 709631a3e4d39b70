import type { CallbackSeen } from '../callback.ts';
import { isOurs, namesIn, some } from './judge-baggage.ts';
import { rowOf } from './row.ts';
import type { Expectations, Row } from './row.ts';

/** Lineage of Throughline, which holds nothing of a user’s. */
const LINEAGE = 'throughline.lineage';

/** Says whether the target sent baggage to the callback that nobody had sent to it: its users’, its tenants’. */
export function judgeOwnBaggage(calls: readonly CallbackSeen[], { thirdParty }: Expectations): Row {
  const about = { case: 'own-baggage', about: 'whether baggage comes to the callback that the probe did not send' };
  if (calls.length === 0) return rowOf(about, []);
  const names = calls.flatMap(({ baggage }) => (baggage === undefined ? [] : namesIn(baggage)));
  const theirs = [...new Set(names.filter((name) => !isOurs(name) && name !== LINEAGE))];
  if (theirs.length === 0) return rowOf(about, [{ level: 'ok', by: 'callback', outcome: 'kept' }]);
  const words = `the callback got ${some(theirs)}`;
  return rowOf(about, [{ level: thirdParty ? 'fail' : 'warning', by: 'callback', outcome: 'leaked', words }]);
}
