import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { prometheusAvailability, promtoolBinary } from '../src/availability.ts';
import { RULES } from '../src/prometheus.ts';
import { rulesIn } from './rules.ts';

const prometheus = await prometheusAvailability();
const TESTS = fileURLToPath(new URL('../prometheus/rules.test.yaml', import.meta.url));
const run = promisify(execFile);

describe.skipIf(prometheus.missing)(`the rules, by promtool${prometheus.note}`, () => {
  it('are valid', async () => {
    const { stdout } = await run(promtoolBinary(), ['check', 'rules', RULES]);
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  });

  it('pass their tests', async () => {
    const { stdout } = await run(promtoolBinary(), ['test', 'rules', TESTS]);
    expect(stdout).toMatch(/SUCCESS/);
  });

  it('fail their tests where a limit is another', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'throughline-rules-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const changed = (await readFile(RULES, 'utf8')).replace('share5m > 0.05', 'share5m > 0.5');
    await writeFile(join(folder, 'rules.yaml'), changed);
    await writeFile(join(folder, 'rules.test.yaml'), await readFile(TESTS, 'utf8'));
    const tested = run(promtoolBinary(), ['test', 'rules', join(folder, 'rules.test.yaml')]);
    await expect(tested).rejects.toThrow(/TurnsFail/);
  });
});

it('each alert has a test, a summary, and says what to look at', async () => {
  const tests = parse(await readFile(TESTS, 'utf8')) as { tests: { alert_rule_test: Tested[] }[] };
  const firing = tests.tests
    .flatMap(({ alert_rule_test }) => alert_rule_test)
    .filter(({ exp_alerts }) => exp_alerts.length > 0)
    .map(({ alertname }) => alertname);
  const alerts = (await rulesIn(RULES)).filter(({ alert }) => alert !== undefined);
  expect(new Set(firing)).toEqual(new Set(alerts.map(({ alert }) => alert)));
  expect(alerts.filter(({ annotations }) => !annotations?.['summary'] || !annotations['look_at'])).toEqual([]);
});

interface Tested {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}
