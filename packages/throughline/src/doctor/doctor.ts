import { CANNOT_JUDGE } from '../exit-codes.ts';
import type { Surroundings } from '../surroundings.ts';
import { examine, findingsOf } from './diagnose.ts';
import type { Diagnosis } from './diagnose.ts';
import { look } from './live/look.ts';
import type { Started } from './live/run-probe.ts';
import { text } from './print.ts';
import { readProject } from './project/read-project.ts';

/** The options of `throughline doctor`. */
export interface DoctorOptions {
  /** What is run beside a look at the files. */
  readonly started?: Started;
  /** Milliseconds in which the set-up has to register. */
  readonly waitMs: number;
  readonly json: boolean;
}

const HEALTHY = 0;
const ILL = 1;

/** Looks at the project in a folder, writes what will break its tracing, and returns the exit code. */
export async function doctor(folder: string, options: DoctorOptions, surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, env } = surroundings;
  let diagnosis: Diagnosis;
  try {
    diagnosis = await diagnosisOf(folder, options, env);
  } catch (error) {
    stderr.write(`throughline: ${error instanceof Error ? error.message : String(error)}\n`);
    return CANNOT_JUDGE;
  }
  const isColoured = stdout.isTTY === true && env['NO_COLOR'] === undefined;
  stdout.write(options.json ? `${JSON.stringify(diagnosis, undefined, 2)}\n` : text(diagnosis, isColoured));
  return diagnosis.findings.some(({ status }) => status === 'error') ? ILL : HEALTHY;
}

async function diagnosisOf(
  folder: string,
  { started, waitMs }: DoctorOptions,
  env: Surroundings['env'],
): Promise<Diagnosis> {
  const project = await readProject(folder);
  const examined = examine(project, env, process.versions.node);
  const read = findingsOf(examined);
  const { source, packageManager } = project;
  const members = project.members.map(({ name }) => name);
  const [first] = examined;
  if (started === undefined || first === undefined)
    return { folder: project.folder, source, packageManager, members, findings: read };
  const own = read.filter(({ members }) => members === undefined || members.includes(first.member.name));
  const seen = await look(first, started, waitMs, env, own);
  const replaced = new Set(seen.map(({ code }) => code));
  // What is registered is more than what the sources seem to register.
  if (replaced.has('records')) for (const code of ['set-up', 'flush'] as const) replaced.add(code);
  // A command has loaded its libraries before the probe looks.
  if (replaced.has('records') && started.kind === 'set-up') replaced.add('esm');
  const kept = read.filter((finding) => !own.includes(finding) || !replaced.has(finding.code));
  return { folder: project.folder, source, packageManager, members, findings: [...kept, ...seen] };
}
