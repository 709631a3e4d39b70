import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Whether there is a Prometheus here; for suites that need one. */
export interface PrometheusAvailability {
  /** There is none: the suite is to be skipped. */
  readonly missing: boolean;
  /** For the end of a suite's title: why it is skipped, else nothing. */
  readonly note: string;
}

export const HOW_TO_HAVE_IT = '`apt-get install prometheus` has it';

/** The program that is run: `PROMETHEUS_BINARY`, or what the PATH has. */
export function prometheusBinary(env: NodeJS.ProcessEnv = process.env): string {
  return env['PROMETHEUS_BINARY'] ?? 'prometheus';
}

/** The program that checks and tests rules: `PROMTOOL_BINARY`, or what the PATH has. */
export function promtoolBinary(env: NodeJS.ProcessEnv = process.env): string {
  return env['PROMTOOL_BINARY'] ?? 'promtool';
}

/**
 * Resolves with whether there is a Prometheus, and promtool with it.
 *
 * @throws with `REQUIRE_PROMETHEUS=1`, where the suite would be skipped.
 */
export async function prometheusAvailability(env: NodeJS.ProcessEnv = process.env): Promise<PrometheusAvailability> {
  for (const program of [prometheusBinary(env), promtoolBinary(env)]) {
    try {
      await promisify(execFile)(program, ['--version'], { env });
    } catch (cause) {
      const why = `${program} cannot be run: ${HOW_TO_HAVE_IT}`;
      if (env['REQUIRE_PROMETHEUS'] === '1') throw new Error(why, { cause });
      return { missing: true, note: ` (skipped: ${why})` };
    }
  }
  return { missing: false, note: '' };
}
