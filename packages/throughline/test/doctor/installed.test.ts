/** Small projects, really installed by npm, pnpm and yarn. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { satisfies } from 'semver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coded, findings, TemporaryProject } from './project.ts';

const run = promisify(execFile);
const made: TemporaryProject[] = [];
afterAll(() => {
  for (const project of made) project[Symbol.dispose]();
});

// An install takes as long as the registry and the machine do.
const SLOW = { timeout: 180_000 };

const NPM = ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
const PNPM = ['npx', '-y', 'pnpm@12', 'install', '--ignore-scripts', '--prefer-offline'];
const YARN = ['npx', '-y', 'yarn@1', 'install', '--ignore-scripts', '--prefer-offline'];

async function installed(
  [command = '', ...args]: readonly string[],
  files: Readonly<Record<string, object | string>>,
): Promise<TemporaryProject> {
  const project = new TemporaryProject(files);
  made.push(project);
  await run(command, args, { cwd: project.folder });
  return project;
}

const stock = `
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();
process.once('SIGTERM', () => provider.shutdown());
process.once('beforeExit', () => provider.shutdown());
`;
const second = {
  '@opentelemetry/api': '1.9.1',
  '@opentelemetry/exporter-trace-otlp-http': '0.223.1',
  '@opentelemetry/sdk-trace-base': '2.12.1',
  '@opentelemetry/sdk-trace-node': '2.12.1',
};

describe('a healthy program', SLOW, () => {
  let project: TemporaryProject;
  beforeAll(async () => {
    project = await installed(NPM, {
      'package.json': { name: 'shop', private: true, dependencies: { ...second, express: '^5.1.0' } },
      'telemetry.cjs': stock,
    });
  });

  it('has nothing wrong, by its files or running', async () => {
    const read = await findings([project.folder]);
    const seen = await findings([project.folder, '--require', './telemetry.cjs']);
    expect([...read, ...seen].filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(coded(seen, 'exporter')).toMatchObject([
      { message: 'BatchSpanProcessor → OTLPTraceExporter → http://localhost:4318/v1/traces' },
    ]);
    expect(coded(seen, 'flush')).toMatchObject([
      { message: expect.stringContaining('SIGTERM and the end of the program') },
    ]);
  });
});

describe.each([
  ['npm', NPM, {}],
  ['pnpm', PNPM, { 'pnpm-workspace.yaml': 'packages: []\nstrictPeerDependencies: false\n' }],
  ['yarn', YARN, {}],
])('two copies of the api, by %s', SLOW, (manager, install, files) => {
  let project: TemporaryProject;
  const manifest = (more: object = {}): object => ({
    name: 'shop',
    private: true,
    dependencies: { ...second, '@opentelemetry/api': '1.8.0', '@ai-sdk/otel': '1.0.173' },
    ...more,
  });
  beforeAll(async () => {
    project = await installed(install, {
      'package.json': manifest(),
      'telemetry.cjs': stock,
      ...files,
    });
  });

  it('are told with their places, and the newer one really records nothing', async () => {
    const [read] = coded(await findings([project.folder]), 'api-copies');
    const [, place = ''] = / 1\.8\.0 in .*: 1\.9\.1 in (\S+), for .*@ai-sdk\/otel/.exec(read?.message ?? '') ?? [];
    expect(read).toMatchObject({ status: 'error', message: expect.stringMatching(/^2 copies|^3 copies/) });
    const [seen] = coded(await findings([project.folder, '--require', './telemetry.cjs']), 'api-copies');
    expect(seen).toMatchObject({ status: 'error', message: expect.stringContaining(`in ${place} does not see`) });
  });

  it('are one after the fix', async () => {
    const version = '1.8.0';
    const fixes: Readonly<Record<string, Readonly<Record<string, object | string>>>> = {
      npm: { 'package.json': manifest({ overrides: { '@opentelemetry/api': '$@opentelemetry/api' } }) },
      pnpm: { 'pnpm-workspace.yaml': `packages: []\noverrides: { '@opentelemetry/api': ${version} }\n` },
      yarn: { 'package.json': manifest({ resolutions: { '@opentelemetry/api': version } }) },
    };
    expect(coded(await findings([project.folder]), 'api-copies')[0]?.fix).toMatch(/overrides|resolutions/);
    project.write(fixes[manager] ?? {});
    for (const locked of manager === 'npm' ? ['node_modules', 'package-lock.json'] : [])
      rmSync(join(project.folder, locked), { recursive: true });
    const [command = '', ...args] = install;
    await run(command, [...args, ...(manager === 'pnpm' ? ['--no-frozen-lockfile'] : [])], { cwd: project.folder });
    expect(coded(await findings([project.folder]), 'api-copies')).toMatchObject([
      { status: 'ok', message: `one copy of @opentelemetry/api, ${version}` },
    ]);
  });
});

describe('two lines of OpenTelemetry', SLOW, () => {
  it('are told, and really lose every span', async () => {
    const project = await installed([...NPM, '--legacy-peer-deps'], {
      'package.json': {
        name: 'shop',
        private: true,
        dependencies: { ...second, '@opentelemetry/exporter-trace-otlp-http': '0.57.2' },
      },
      'telemetry.cjs': stock,
      'job.cjs': `${stock}require('@opentelemetry/api').trace.getTracer('job').startSpan('lost').end(); provider.forceFlush().catch((errors) => console.log(String(errors)));`,
    });
    const [found, ...others] = coded(await findings([project.folder]), 'sdk-lines');
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      status: 'error',
      message: expect.stringMatching(/1 \(.*0\.57\.2\) and 2 \(.*2\.12\.1/),
    });
    const { stdout } = await run(process.execPath, ['job.cjs'], { cwd: project.folder });
    expect(stdout).toContain("Cannot read properties of undefined (reading 'name')");
    const [, range = ''] = /'@opentelemetry\/exporter-trace-otlp-http@([^']+)'$/.exec(found?.fix ?? '') ?? [];
    expect(satisfies(second['@opentelemetry/exporter-trace-otlp-http'], range)).toBe(true);
  });
});

describe('ES modules and --require', SLOW, () => {
  it('are told, and express really goes unpatched', async () => {
    const project = await installed(NPM, {
      'package.json': {
        name: 'shop',
        private: true,
        type: 'module',
        scripts: { start: 'node --require ./telemetry.cjs server.js' },
        dependencies: {
          ...second,
          '@opentelemetry/instrumentation': '^0.223.0',
          '@opentelemetry/instrumentation-express': '0.71.0',
          '@opentelemetry/instrumentation-http': '^0.223.0',
          express: '^5.1.0',
        },
      },
      'telemetry.cjs': `${stock}
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
registerInstrumentations({ instrumentations: [new ExpressInstrumentation(), new HttpInstrumentation()] });`,
    });
    expect(coded(await findings([project.folder]), 'esm')).toMatchObject([
      { status: 'error', message: expect.stringMatching(/import of express$/) },
    ]);
    const args = [project.folder, '--require', './telemetry.cjs'];
    const seen = await findings(args);
    expect(coded(seen, 'esm')).toMatchObject([
      { status: 'error', message: expect.stringMatching(/are on for express, and/) },
    ]);
    expect(coded(seen, 'records')).toMatchObject([
      { message: expect.stringMatching(/patch http \(incoming\) and http \(outgoing\)$/) },
    ]);
    const hooked = await findings(args, {
      NODE_OPTIONS: '--experimental-loader=@opentelemetry/instrumentation/hook.mjs',
    });
    expect(coded(hooked, 'esm')).toEqual([]);
    expect(coded(hooked, 'records')[0]?.message).toContain('express');
  });
});
