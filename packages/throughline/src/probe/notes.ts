import type { Collector } from '@throughline/verify';
import type { Callback } from './callback.ts';
import type { Row } from './judging/row.ts';
import type { Baseline } from './run-cases.ts';
import type { Target } from './targets/target.ts';

interface Noted {
  readonly baseline: Baseline;
  readonly rows: readonly Row[];
  readonly callback: Callback | undefined;
  readonly collector: Collector | undefined;
  readonly target: Pick<Target, 'kind' | 'isOurs'>;
}

/** Returns what kept the probe from seeing more, each with what to do about it. */
export function notesOf({ baseline, rows, callback, collector, target }: Noted): string[] {
  const notes: string[] = [];
  const statuses = [...baseline.statuses];
  if (statuses.length > 1)
    notes.push(`it answers the same request in different ways (${statuses.join(', ')}): no status speaks against it`);
  const answers = baseline.attempts.flatMap(({ answer }) => (answer.kind === 'answered' ? [answer] : []));
  if (target.kind === 'http' && answers.some(({ served }) => served !== 'yes')) {
    notes.push(
      `without context it answers ${statuses.join(', ')}: what lies behind that was not reached; --method, --data, --header`,
    );
  }
  if (target.kind === 'http' && answers.some(({ status }) => status.startsWith('3'))) {
    notes.push(`it answers ${statuses.join(', ')}: redirects are not followed; give the URL behind it`);
  }
  const hasCalls = baseline.attempts.some(({ key }) => (callback?.seen(key).length ?? 0) > 0);
  if (callback !== undefined && !hasCalls)
    notes.push('it did not call back: see that it reaches the callback, and --callback-host');
  if (collector !== undefined && collector.spans().length === 0) {
    notes.push(
      target.isOurs
        ? 'it exported no spans'
        : `no span came: the target exports to OTEL_EXPORTER_OTLP_ENDPOINT=${collector.url}?`,
    );
  }
  if (
    rows.every(({ evidence }) => evidence.every((by) => by === 'status')) &&
    collector === undefined &&
    callback === undefined
  ) {
    notes.push('nothing told which trace it worked in: take its spans with --collect, or have it call {{callback}}');
  }
  return notes;
}
