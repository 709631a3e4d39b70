import type { Attempt } from '../attempt.ts';
import type { Seen } from '../sightings.ts';
import type { Expectations, Remark } from './row.ts';

const MOST = 32;
const OURS = /^probe\d+$/;

/** Says what became of `tracestate`. https://www.w3.org/TR/trace-context-2/#tracestate-limits */
export function judgeTracestate({ sent }: Attempt, { calls, sightings }: Seen, { publicEdge }: Expectations): Remark[] {
  if (sent.tracestate === undefined) return [];
  const came = calls.find(({ tracestate }) => tracestate !== undefined)?.tracestate;
  if (came === undefined) return [];
  const isRelayed = sightings.some(({ by, trace }) => by === 'callback' && trace === 'relayed');
  const members = membersOf(came);
  const ours = members.filter(([key]) => OURS.test(key));
  const said = (level: Remark['level'], words: string): Remark => ({ level, by: 'callback', words });
  if (publicEdge) {
    return ours.length === 0 ? [] : [said('fail', `a stranger’s tracestate came on to the callback: ${namesOf(ours)}`)];
  }
  // Nobody took part in the trace who would have to look.
  if (isRelayed) return [];
  const all = membersOf([sent.tracestate, ...(sent.headers ?? []).map(([, value]) => value)].join(','));
  const changed = ours.filter(([key, value]) => !all.some(([name, other]) => name === key && other === value));
  const remarks: Remark[] = [];
  if (changed.length > 0)
    remarks.push(said('fail', `members of tracestate were changed or cut within: ${namesOf(changed)}`));
  if (members.length > MOST)
    remarks.push(said('warning', `${members.length} members of tracestate were sent on; ${MOST} are the most`));
  return remarks;
}

type Member = readonly [key: string, value: string];

function membersOf(list: string): Member[] {
  return list
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
    .map((member): Member => {
      const at = member.indexOf('=');
      return at < 0 ? [member, ''] : [member.slice(0, at), member.slice(at + 1)];
    });
}

function namesOf(members: readonly Member[]): string {
  const names = members.map(([key]) => key);
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
