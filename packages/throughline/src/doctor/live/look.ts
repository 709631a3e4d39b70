import { join } from 'node:path';
import type { Examined } from '../checks/check.ts';
import { apisOf } from '../checks/api.ts';
import { isEsm, PATCHED } from '../checks/esm.ts';
import type { Finding } from '../finding.ts';
import { directCopies } from '../project/project.ts';
import { liveFindings } from './findings.ts';
import { runProbe } from './run-probe.ts';
import type { Started } from './run-probe.ts';

/**
 * Runs the project's set-up or command with a probe in it, and returns what is registered there. Takes the findings of the sources, which
 * it knows better than, or needs.
 */
export async function look(
  examined: Examined,
  started: Started,
  waitMs: number,
  env: Readonly<Record<string, string | undefined>>,
  read: readonly Finding[],
): Promise<Finding[]> {
  const { project, member, copies } = examined;
  const orders = {
    folder: member.folder,
    copies:
      project.source === 'node_modules'
        ? Object.fromEntries(apisOf(copies).map(({ place }) => [place, join(project.folder, place)]))
        : {},
    libraries: directCopies(member)
      .map(({ name }) => name)
      .filter((name) => PATCHED[name] !== undefined),
    isEsm: isEsm(examined),
    waitMs,
  };
  if (started.kind === 'command') {
    const run = await runProbe(started, { ...orders, libraries: [], isMain: false, stays: false }, env);
    const flushes = run.endedItself ? { atEnd: run.flushed.size > 0 } : { atSignal: run.flushed.size > 0 };
    return liveFindings(examined, run, flushes, read);
  }
  const stayed = await runProbe(started, { ...orders, isMain: true, stays: true }, env);
  if (stayed.processes.length === 0) return liveFindings(examined, stayed, {}, read);
  const left = await runProbe(started, { ...orders, libraries: [], isMain: true, stays: false }, env);
  return liveFindings(examined, stayed, { atSignal: stayed.flushed.size > 0, atEnd: left.flushed.size > 0 }, read);
}
