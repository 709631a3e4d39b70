import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, PLAIN } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import type { Callback } from './callback.ts';
import type { ProbeCase } from './cases/probe-case.ts';
import type { Answer, Target } from './targets/target.ts';

/** What went wrong with a request that goes well without its context. */
export interface Trouble {
  /** `gone`: nothing takes requests any more. `limited`: the target asks for fewer requests. */
  readonly what: 'gone' | 'cut' | 'silent' | 'failed' | 'refused' | 'limited';
  /**
   * `again`: each time that it was sent, while plain requests went well. `once`: not when it was sent again. `unsure`: plain requests did not
   * go well either, or it could not be sent again.
   */
  readonly certainty: 'again' | 'once' | 'unsure';
  /** As the target says it: a status, or the reason of a broken connection. */
  readonly said: string;
  /** The case before, which may have been it. */
  readonly orAfter?: string;
}

export interface Tried {
  readonly probeCase: ProbeCase;
  /** The first, by which the case is judged. Absent where it was not sent. */
  readonly attempt?: Attempt;
  readonly trouble?: Trouble;
}

/** How the target answers what carries no context. */
export interface Baseline {
  readonly attempts: readonly Attempt[];
  /** More than one, where its answers vary. */
  readonly statuses: ReadonlySet<string>;
}

/** How often a request that went wrong is sent again. */
const AGAIN = 2;
const SETTLE_MS = 15;
/** How long one may take that is looked at alone. */
const LATE_MS = 200;
/** How often one looks whether a target is there. */
const LOOK_MS = 5;
const UNSURE = { certainty: 'unsure' } as const;
/** How long a target has to come back, as one that is supervised does. */
const REVIVE_MS = 10_000;

/** Sends two plain requests. Resolves with what is wrong, where one of them has no answer. */
export async function baselineOf(target: Target, callback: Callback | undefined): Promise<Baseline | Answer> {
  const attempts: Attempt[] = [];
  for (let count = 0; count < 2; count++) {
    const plain = await attempt(target, PLAIN, callback);
    if (plain.answer.kind !== 'answered') return plain.answer;
    attempts.push(plain);
  }
  return { attempts, statuses: new Set(attempts.map(({ answer }) => statusOf(answer))) };
}

/** Sends each case, one after the other, and looks after each whether the target is still there. */
export async function runCases(
  target: Target,
  baseline: Baseline,
  callback: Callback | undefined,
  told: (done: number) => void,
): Promise<Tried[]> {
  const { cases } = target;
  const tried: Tried[] = [];
  const goesDown = (probeCase: ProbeCase): Promise<boolean> => isDownAfter(target, probeCase, baseline, callback);
  let isThere = true;
  while (tried.length < cases.length) {
    const probeCase = cases[tried.length] as ProbeCase;
    if (!isThere) {
      tried.push({ probeCase });
      continue;
    }
    const first = await attempt(target, probeCase, callback);
    const trouble = await troubleWith(target, probeCase, first.answer, baseline, callback);
    const last = tried.at(-1);
    const isLastSuspect = last?.attempt !== undefined && (last.trouble ?? UNSURE).certainty === 'unsure';
    if (trouble?.what !== 'gone') {
      tried.push({ probeCase, attempt: first, ...(trouble === undefined ? {} : { trouble }) });
    } else if (!(await target.revive(REVIVE_MS))) {
      isThere = false;
      // What nobody took has done nothing; what was cut off may have come while it went down.
      if (isLastSuspect && first.answer.kind === 'unreachable') tried.splice(-1, 1, { ...last, trouble });
      else if (isLastSuspect && first.answer.kind === 'cut') {
        tried.push({ probeCase, attempt: first, trouble: { ...trouble, orAfter: last.probeCase.id } });
      } else tried.push({ probeCase, attempt: first, trouble });
    } else if (isLastSuspect && (await goesDown(last.probeCase))) {
      // It answers first, and goes down while the next request comes: that one is sent again.
      tried.splice(-1, 1, { ...last, trouble: { ...trouble, certainty: 'again' } });
      isThere = await target.revive(REVIVE_MS);
    } else {
      const certainty = (await goesDown(probeCase)) ? 'again' : 'once';
      tried.push({ probeCase, attempt: first, trouble: { ...trouble, certainty } });
      isThere = await target.revive(REVIVE_MS);
    }
    told(tried.length);
  }
  const last = tried.at(-1);
  // No request comes after it that would tell.
  if (isThere && last?.attempt !== undefined && last.trouble === undefined) {
    await sleep(LATE_MS);
    if (!(await target.isThere()))
      tried.splice(-1, 1, {
        ...last,
        trouble: { what: 'gone', certainty: 'unsure', said: statusOf(last.attempt.answer) },
      });
  }
  return isMoody(tried) ? tried.map(unsure) : tried;
}

/** How many cases may go wrong once and not again, until it is the target that does so, whatever is sent. */
const MOODS = 2;

function isMoody(tried: readonly Tried[]): boolean {
  return tried.filter(({ trouble }) => trouble?.certainty === 'once').length > MOODS;
}

function unsure(one: Tried): Tried {
  return one.trouble?.certainty === 'once' ? { ...one, trouble: { ...one.trouble, certainty: 'unsure' } } : one;
}

async function troubleWith(
  target: Target,
  probeCase: ProbeCase,
  answer: Answer,
  baseline: Baseline,
  callback: Callback | undefined,
): Promise<Trouble | undefined> {
  const what = wrong(answer, baseline);
  const plain = (): Promise<Attempt> => attempt(target, PLAIN, callback);
  if (what === undefined) {
    // One that answers first and fails then is gone a moment later.
    await sleep(SETTLE_MS);
    return (await target.isThere()) ? undefined : { what: 'gone', certainty: 'unsure', said: statusOf(answer) };
  }
  const said = statusOf(answer);
  const isGone = what === 'gone' || (what === 'cut' && (await goesAway(target)));
  if (isGone) return { what: 'gone', certainty: 'unsure', said };
  // That it may, and does not fail by it: once is enough.
  if ((probeCase.mayRefuse ?? false) !== false && what !== 'failed' && what !== 'limited' && (await target.isThere())) {
    return { what, certainty: 'again', said };
  }
  if (what === 'limited') return { what, certainty: 'unsure', said };
  for (let count = 0; count < AGAIN; count++) {
    const { answer: well } = await plain();
    if (well.kind === 'unreachable') return { what: 'gone', certainty: 'unsure', said };
    if (wrong(well, baseline) !== undefined) {
      // One that is going down takes connections for a moment still.
      await sleep(LATE_MS);
      if (!(await target.isThere())) return { what: 'gone', certainty: 'unsure', said };
      await target.revive(REVIVE_MS);
      return { what, certainty: 'unsure', said };
    }
    const next = await attempt(target, probeCase, callback);
    if (wrong(next.answer, baseline) !== what) return { what, certainty: 'once', said };
  }
  return { what, certainty: 'again', said };
}

/** Sends a case to a target that has come back, and says whether it goes down again. */
async function isDownAfter(
  target: Target,
  probeCase: ProbeCase,
  baseline: Baseline,
  callback: Callback | undefined,
): Promise<boolean> {
  if (!(await goesWell(target, baseline, callback))) return false;
  await attempt(target, probeCase, callback);
  return (await goesAway(target)) || (await attempt(target, PLAIN, callback)).answer.kind !== 'answered';
}

/** Waits until plain requests go well: it may still be coming up, or going down. */
async function goesWell(target: Target, baseline: Baseline, callback: Callback | undefined): Promise<boolean> {
  for (const until = Date.now() + REVIVE_MS; Date.now() < until;) {
    await sleep(LATE_MS);
    if (wrong((await attempt(target, PLAIN, callback)).answer, baseline) === undefined) return true;
  }
  return false;
}

/** Whether a target goes away in the next moment. A supervisor may have it back before that is over. */
async function goesAway(target: Target): Promise<boolean> {
  for (const until = Date.now() + LATE_MS; Date.now() < until;) {
    if (!(await target.isThere())) return true;
    await sleep(LOOK_MS);
  }
  return false;
}

function wrong(answer: Answer, { statuses }: Baseline): Trouble['what'] | undefined {
  switch (answer.kind) {
    case 'answered':
      if (answer.served === 'limited') return 'limited';
      return answer.served === 'yes' || statuses.has(answer.status) ? undefined : answer.served;
    case 'unreachable':
      return 'gone';
    default:
      return answer.kind;
  }
}

function statusOf(answer: Answer): string {
  switch (answer.kind) {
    case 'answered':
      return answer.status;
    case 'silent':
      return 'no answer in time';
    default:
      return answer.reason;
  }
}
