import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const capture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/corpus/captures/${name}/spans.json`, import.meta.url));
const [sound, broken, skewed, killed] = [
  'http-three-requests',
  'http-undici-explicit-header',
  'http-clock-skew',
  'http-killed-before-flush',
].map(capture) as [string, string, string, string];

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a shell does. */
function throughline(
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const { GITHUB_ACTIONS: _, ...inherited } = process.env;
    const child = execFile(
      process.execPath,
      ['--no-warnings', main, ...args],
      { env: { ...inherited, ...env } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-check-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('throughline check', () => {
  it('says that a capture is sound, and exits with 0', async () => {
    const { code, stdout, stderr } = await throughline(['check', sound]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^sound: \d+ chains, 3 traces, 3 services, \d+ spans\n {2}longest: \d+ ms, of which /);
  });

  it('names the boundary at which a chain broke, and exits with 1', async () => {
    const { code, stdout } = await throughline(['check', broken]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^✗ gateway → planner over http \/plan: planner started a root \d+ ms after gateway sent to it/,
    );
    expect(stdout).toContain('docs/findings/lost-context.md');
    expect(stdout).not.toContain('\u001b');
  });

  it('reads globs, and standard input', async () => {
    const byGlob = await throughline(['check', join(folder, '../nothing-*.json'), sound.replace('three', 't*')]);
    expect(byGlob.stderr).toContain('no file matches');
    const input = readFileSync(broken, 'utf8');
    expect((await throughline(['check', '-'], { input })).code).toBe(1);
    expect((await throughline(['check', '-', sound], { input })).code).toBe(1);
  });

  it('is told which services there should be', async () => {
    const { stdout } = await throughline(['check', killed, '--services', 'gateway, planner,library']);
    expect(stdout).toContain('nothing came from planner');
  });

  it('can be asked for one trace, and to fail on warnings', async () => {
    expect((await throughline(['check', sound, '--expect', 'one-trace'])).code).toBe(1);
    expect((await throughline(['check', skewed])).code).toBe(0);
    expect((await throughline(['check', skewed, '--fail-on', 'warning'])).code).toBe(1);
  });

  it('writes JSON: the report', async () => {
    const { code, stdout } = await throughline(['check', broken, '--format', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'broken',
      findings: [
        {
          code: 'lost-context',
          severity: 'error',
          boundary: { from: 'gateway', to: 'planner', transport: 'http', over: '/plan', missing: 'context' },
        },
      ],
    });
  });

  it('writes JUnit', async () => {
    const { stdout } = await throughline(['check', broken, '--format', 'junit']);
    expect(stdout).toContain('<testsuite name="throughline check" tests="1" failures="1">');
    expect(stdout).toContain(
      '<testcase classname="throughline" name="lost-context"><failure type="lost-context" message="gateway → planner',
    );
    expect((await throughline(['check', sound, '--format', 'junit'])).stdout).toContain('failures="0"');
  });

  it('annotates a run of GitHub Actions', async () => {
    const { stdout } = await throughline(['check', broken], { env: { GITHUB_ACTIONS: 'true' } });
    expect(stdout).toMatch(/^::error title=lost-context::gateway → planner over http/m);
  });

  it('writes the contract of a good run, and holds others to it', async () => {
    const contract = join(folder, 'contract.yaml');
    const written = await throughline(['check', sound, '--write-contract', contract]);
    expect(written.code).toBe(0);
    expect(readFileSync(contract, 'utf8')).toMatch(/^# yaml-language-server: \$schema=.*\nservices:\n {2}- gateway\n/);
    expect((await throughline(['check', sound, '--contract', contract])).code).toBe(0);
    const other = await throughline(['check', capture('pika-queue'), '--contract', contract]);
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/✗ gateway → planner over http \/plan: the contract asks for 1, and there are 0/);
    const wrong = join(folder, 'wrong.json');
    writeFileSync(wrong, '{"hop": []}');
    const refused = await throughline(['check', sound, '--contract', wrong]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining('wrong.json cannot be used: a contract has no `hop`'),
    ]);
    const never = await throughline(['check', broken, '--write-contract', join(folder, 'never.yaml')]);
    expect([never.code, never.stderr]).toEqual([2, expect.stringContaining('is not written: the capture is broken')]);
  });

  it('exits with 2 where it cannot judge, and says why', async () => {
    const garbage = join(folder, 'garbage.json');
    writeFileSync(garbage, '{"resourceSpans": [');
    const empty = join(folder, 'empty.json');
    writeFileSync(empty, '{"resourceSpans":[]}');
    for (const [args, says] of [
      [['check', join(folder, 'missing.json')], /missing\.json cannot be read/],
      [['check', garbage], /garbage\.json is not OTLP\/JSON.*OTEL_EXPORTER_OTLP_PROTOCOL/],
      [['check', empty], /no spans to judge/],
      [['check'], /give either files, - for standard input, or --from jaeger=URL/],
      [['check', sound, '--format', 'xml'], /Allowed choices are text, json, junit/],
      [['chekc', sound], /Did you mean check\?/],
    ] as const) {
      const { code, stdout, stderr } = await throughline(args);
      expect(stdout + stderr).toMatch(says);
      expect(code).toBe(2);
    }
  });

  it('has help with examples', async () => {
    const { code, stdout } = await throughline(['check', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('$ throughline check spans.json');
  });
});
