import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCapture } from '../src/index.ts';
import type { Capture, CaptureOptions, CaptureSpawnOptions } from '../src/index.ts';

let folder: string;
let capture: Capture;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-capture-'));
});
afterEach(async () => {
  await capture?.close();
  rmSync(folder, { recursive: true });
});

const program = (name: string): string => fileURLToPath(new URL(`./system/${name}.ts`, import.meta.url));

/** Starts a capture, and a program of the system in the folder of the test. */
async function started(options?: CaptureOptions): Promise<typeof start> {
  capture = await startCapture(options);
  return start;
}

function start(args: readonly string[], options: CaptureSpawnOptions = {}): ReturnType<Capture['spawn']> {
  const [name = '', ...rest] = args;
  return capture.spawn(process.execPath, ['--no-warnings', program(name), ...rest], { cwd: folder, ...options });
}

const services = ['gateway', 'planner'];

describe('a capture', () => {
  it.each(['http/protobuf', 'grpc'])('judges what its processes export, over %s', async (protocol) => {
    const run = await started({ services });
    const env = { ...process.env, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    run(['planner'], { staysUp: true, env });
    run(['gateway'], { env });
    const spans = await capture.settled();
    expect(spans.map(({ service }) => service).sort()).toEqual(services);
    expect(capture.judge()).toMatchObject({ verdict: 'sound', traces: 1, findings: [] });
  });

  it('names the boundary at which a chain broke', async () => {
    const run = await started({ services });
    run(['planner', 'deaf'], { staysUp: true });
    run(['gateway']);
    await capture.settled();
    expect(capture.judge()).toMatchObject({
      verdict: 'broken',
      findings: [{ code: 'lost-context', boundary: { from: 'gateway', to: 'planner' } }],
    });
  });

  it('waits for a service of which nothing came, past an exporter whose delay is set in code', async () => {
    const run = await started({ services });
    run(['planner', 'slow'], { staysUp: true });
    run(['gateway']);
    expect(await capture.settled()).toHaveLength(2);
  });

  it('waits for what it knows nothing of, past an exporter whose delay is set in code', async () => {
    const run = await started();
    run(['planner', 'slow'], { staysUp: true });
    run(['gateway']);
    expect(await capture.settled()).toHaveLength(2);
  });

  it('waits as long as an exporter was seen to wait', async () => {
    const run = await started({ services });
    run(['planner', 'slow'], { staysUp: true });
    await once(run(['gateway']), 'exit');
    while (capture.spans().length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    run(['gateway']);
    expect(await capture.settled()).toHaveLength(4);
  });

  it('ends with its processes, and waits for no exporter of theirs', async () => {
    const run = await started({ services });
    const planner = run(['planner'], { staysUp: true });
    run(['gateway']);
    await capture.settled();
    await capture.stop();
    expect(planner.signalCode).toBe('SIGTERM');
    const began = Date.now();
    await capture.settled();
    expect(Date.now() - began).toBeLessThan(800);
  });

  it('says what is still going on at the timeout, and what to do', async () => {
    const run = await started();
    run(['planner']);
    await expect(capture.settled({ timeoutMs: 300 })).rejects.toThrow(
      /planner\.ts` had not ended after 300 ms: .*\{ staysUp: true \}/,
    );
    capture.spawn(join(folder, 'no-such-command'));
    await expect(capture.settled({ timeoutMs: 300 })).rejects.toThrow(/no-such-command` cannot be run: /);
  });

  it('points others at it by variables', async () => {
    capture = await startCapture();
    const env = capture.env({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://elsewhere.example',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      https_proxy: 'http://proxy.example',
      no_proxy: 'intern.example',
    });
    expect(env).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: capture.url,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      no_proxy: 'intern.example,127.0.0.1',
    });
    expect(capture.env({ OTEL_TRACES_EXPORTER: 'console,otlp' })['OTEL_TRACES_EXPORTER']).toBe('console,otlp');
    expect(capture.env({})['no_proxy']).toBeUndefined();
  });

  it('is what the README shows', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const snippet = /```ts\n(?<code>.*?startCapture.*?)```/s.exec(readme)?.groups?.['code'] ?? '';
    for (const name of services) symlinkSync(program(name), join(folder, `${name}.ts`));
    const test = join(folder, 'chain.test.ts');
    const index = new URL('../src/index.ts', import.meta.url).href;
    writeFileSync(test, snippet.replace(`'throughline'`, `'${index}'`));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['--no-warnings', '--test', test], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^. pass 1$/m);
    expect(status).toBe(0);
  });
});
