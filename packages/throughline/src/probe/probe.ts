import { printable, startCollector } from '@throughline/verify';
import type { Collector } from '@throughline/verify';
import { BROKEN, CANNOT_JUDGE, SOUND } from '../exit-codes.ts';
import type { Surroundings } from '../surroundings.ts';
import { attempt } from './attempt.ts';
import { startCallback } from './callback.ts';
import type { Callback } from './callback.ts';
import { forge, judgeForgery } from './forged-flag.ts';
import type { Forgery } from './forged-flag.ts';
import { judgeCase } from './judging/judge-case.ts';
import { judgeOwnBaggage } from './judging/judge-own-baggage.ts';
import type { Row } from './judging/row.ts';
import { notesOf } from './notes.ts';
import { openTarget } from './open-target.ts';
import { planOf } from './options.ts';
import type { ProbeOptions, ProbePlan } from './options.ts';
import { countsOf } from './probe-report.ts';
import type { ProbeReport } from './probe-report.ts';
import { baselineOf, runCases } from './run-cases.ts';
import type { Baseline } from './run-cases.ts';
import { settled } from './settle.ts';
import { seenOf } from './sightings.ts';
import type { Witnesses } from './sightings.ts';
import { table } from './table.ts';
import type { Target } from './targets/target.ts';

/**
 * Sends known, malformed, oversized and forged context to a running service, says what it did with each, and returns the exit code: 0 where
 * nothing fails, 1 where something does, 2 where the target cannot be reached. Throws an `Error` where the options do not fit.
 */
export async function probe(
  target: readonly string[],
  options: ProbeOptions,
  { stdout, stderr, env }: Surroundings,
): Promise<number> {
  const plan = planOf(target, options);
  const collector = plan.otlpPort === undefined ? undefined : await collectorAt(plan.otlpPort);
  const callback = plan.needsCallback ? await startCallback(options.callbackHost) : undefined;
  let opened: Target | undefined;
  try {
    if (collector !== undefined && plan.kind !== 'mcp-stdio') {
      stderr.write(`throughline: spans are taken at ${collector.url} (OTLP over HTTP and gRPC)\n`);
    }
    try {
      opened = await openTarget(plan, options, env, collector?.url);
    } catch (error) {
      stderr.write(`throughline: ${plan.target.join(' ')} cannot be probed: ${printable(reasonOf(error))}\n`);
      return CANNOT_JUDGE;
    }
    const baseline = await baselineOf(opened, callback);
    if ('kind' in baseline) {
      const why =
        baseline.kind === 'silent' ? `no answer in ${options.timeout} ms` : 'reason' in baseline ? baseline.reason : '';
      stderr.write(`throughline: ${opened.name} cannot be reached: ${why}\n`);
      return CANNOT_JUDGE;
    }
    const tell = (words: string): unknown => stderr.isTTY === true && stderr.write(`\r\u001b[K${words}`);
    const report = await reportOf({ plan, options, target: opened, baseline, callback, collector, tell });
    tell('');
    const isColoured = stdout.isTTY === true && env['NO_COLOR'] === undefined;
    stdout.write(options.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : table(report, isColoured));
    return report.counts.fail > 0 ? BROKEN : SOUND;
  } finally {
    await opened?.close();
    await callback?.close();
    await collector?.close();
  }
}

interface Probing {
  readonly plan: ProbePlan;
  readonly options: ProbeOptions;
  readonly target: Target;
  readonly baseline: Baseline;
  readonly callback: Callback | undefined;
  readonly collector: Collector | undefined;
  /** Tells how far it is. */
  readonly tell: (words: string) => unknown;
}

async function reportOf({ options, target, baseline, callback, collector, tell }: Probing): Promise<ProbeReport> {
  const witnesses = (): Witnesses => ({
    spans: collector?.spans() ?? [],
    calls: (key) => callback?.seen(key) ?? [],
    isByTime: target.isOurs,
  });
  const tried = await runCases(target, baseline, callback, (done) =>
    tell(`probe: ${done} of ${target.cases.length} cases`),
  );
  const isSeen = baseline.attempts.some((one) => seenOf(one, witnesses()).sightings.length > 0);
  const isThere = await target.isThere();
  const isForged = isThere && options.samples > 0 && (collector !== undefined || isSeen);
  const forgery: Forgery = isForged
    ? await forge(target, options.samples, callback, (done) =>
        tell(`probe: forged flag, ${done} of ${options.samples}`),
      )
    : { forged: [], plain: [] };
  const probeCase = target.cases.find(({ id }) => id === 'valid-sampled');
  if (isThere && probeCase !== undefined && (collector !== undefined || callback !== undefined)) {
    tell('probe: waiting for what is late');
    await settled(await attempt(target, probeCase, callback), witnesses, {
      settle: options.settle,
      // What the probe starts is told not to wait.
      first: target.isOurs ? Math.min(2000, options.settle) : options.settle,
      takesSpans: collector !== undefined,
      takesCalls: baseline.attempts.some(({ key }) => (callback?.seen(key).length ?? 0) > 0),
    });
  }
  const seen = witnesses();
  const expected = { publicEdge: options.publicEdge === true, thirdParty: options.thirdParty === true };
  const rows: Row[] = tried.map((one) =>
    judgeCase(one, one.attempt === undefined ? NOTHING : seenOf(one.attempt, seen), expected),
  );
  if (callback !== undefined) {
    const sent = [...baseline.attempts, ...tried.flatMap((one) => one.attempt ?? [])];
    rows.push(
      judgeOwnBaggage(
        sent.flatMap(({ key }) => callback.seen(key)),
        expected,
      ),
    );
  }
  if (options.samples > 0) rows.push(judgeForgery(forgery, seen, expected));
  return {
    target: target.name,
    kind: target.kind,
    publicEdge: expected.publicEdge,
    rows,
    notes: notesOf({ baseline, rows, callback, collector, target }),
    counts: countsOf(rows),
  };
}

const NOTHING = { sightings: [], calls: [], spans: [] };

async function collectorAt(port: number): Promise<Collector> {
  try {
    return await startCollector({ port });
  } catch (error) {
    throw new Error(`port ${port} cannot be listened at, ${reasonOf(error)}: give another with --otlp-port`, {
      cause: error,
    });
  }
}

/** Node's fetch says only by the cause why it failed. */
function reasonOf(error: unknown): string {
  const { cause, code, message } = (error ?? {}) as {
    readonly cause?: unknown;
    readonly code?: unknown;
    readonly message?: unknown;
  };
  if (message === 'fetch failed' && cause !== undefined) return reasonOf(cause);
  return typeof message === 'string' && message !== '' ? message : String(code ?? error);
}
