import { describe, expect, it } from 'vitest';
import { coded, findings, npmLock, TemporaryProject } from './project.ts';

const VERSIONS: Readonly<Record<string, string>> = { express: '5.1.0', '@opentelemetry/sdk-node': '0.301.0' };

/** A program with a stock SDK, and these sources. */
function program(
  files: Readonly<Record<string, string>>,
  manifest: { dependencies?: object; [key: string]: unknown } = {},
): TemporaryProject {
  const dependencies = { '@opentelemetry/api': '*', '@opentelemetry/sdk-node': '*', ...manifest.dependencies };
  const packages = Object.keys(dependencies).map((name): [string, object] => [
    `node_modules/${name}`,
    { version: VERSIONS[name] ?? '1.9.0' },
  ]);
  return new TemporaryProject({
    'package.json': { name: 'shop', private: true, ...manifest, dependencies },
    'package-lock.json': npmLock(Object.fromEntries(packages)),
    ...files,
  });
}

const sdk = "import { NodeSDK } from '@opentelemetry/sdk-node';\nconst sdk = new NodeSDK({});\nsdk.start();\n";

describe('the set-up, by its sources', () => {
  it('is whole with NodeSDK', async () => {
    using project = program({ 'src/telemetry.ts': `${sdk}process.once('SIGTERM', () => sdk.shutdown());\n` });
    const found = await findings([project.folder]);
    expect(coded(found, 'set-up')).toMatchObject([
      { status: 'ok', message: expect.stringContaining('NodeSDK in src/telemetry.ts') },
    ]);
    expect(coded(found, 'flush')).toMatchObject([{ status: 'ok' }]);
  });

  it('loses the last batch where nothing flushes', async () => {
    using project = program({
      'telemetry.js': `${sdk}// await sdk.shutdown();\n`,
      'test/telemetry.test.js': 'sdk.shutdown() // @opentelemetry/',
    });
    expect(coded(await findings([project.folder]), 'flush')).toMatchObject([
      { status: 'warning', fix: expect.stringContaining('sdk.shutdown()') },
    ]);
  });

  it('lacks what a provider that is made by hand does not register', async () => {
    const made =
      "import { TracerProvider } from '@opentelemetry/sdk-trace';\ntrace.setGlobalTracerProvider(new TracerProvider({}));\n";
    using lacking = program({ 'telemetry.js': made });
    expect(coded(await findings([lacking.folder]), 'set-up')).toMatchObject([
      { status: 'warning', message: expect.stringMatching(/registers a propagator and a context manager$/) },
    ]);
    using ours = program(
      { 'telemetry.js': `${made}context.setGlobalContextManager(manager);` },
      { dependencies: { '@throughline/core': '*' } },
    );
    expect(coded(await findings([ours.folder]), 'set-up')).toMatchObject([
      { status: 'ok', message: expect.stringContaining('without one') },
    ]);
    using registering = program({
      'telemetry.js': "import '@opentelemetry/sdk-trace-node';\nnew NodeTracerProvider({}).register();\n",
    });
    expect(coded(await findings([registering.folder]), 'set-up')).toMatchObject([{ status: 'ok' }]);
  });

  it('is there twice beside Sentry, unless Sentry is told', async () => {
    const sentry = "import * as Sentry from '@sentry/node';\nSentry.init({ dsn });\n";
    using twice = program({ 'telemetry.js': sdk, 'sentry.js': sentry });
    expect(coded(await findings([twice.folder]), 'set-ups')).toMatchObject([
      { status: 'warning', fix: expect.stringContaining('skipOpenTelemetrySetup') },
    ]);
    using told = program({
      'telemetry.js': sdk,
      'sentry.js': sentry.replace('dsn', 'dsn, skipOpenTelemetrySetup: true'),
    });
    expect(coded(await findings([told.folder]), 'set-ups')).toEqual([]);
  });
});

describe('what looks like a set-up, and is none', () => {
  it.each([
    [
      'in a browser',
      "import { WebTracerProvider } from '@opentelemetry/sdk-trace-web';\nnew BatchSpanProcessor(exporter);\nnew TracerProvider();",
    ],
    [
      'a provider that is handed around',
      "import '@opentelemetry/sdk-trace-base';\nexport const provider = new BasicTracerProvider({});",
    ],
    ['in a comment', `/*\n${sdk}*/`],
    [
      "Sentry's for browsers",
      "import * as Sentry from '@sentry/react'; import '@opentelemetry/api';\nSentry.init({});",
    ],
  ])('is no finding: %s', async (_, source) => {
    using project = program({ 'client.js': source });
    expect((await findings([project.folder])).filter(({ status }) => status !== 'ok')).toEqual([]);
  });
});

describe('instrumentations in ES modules', () => {
  const auto = '@opentelemetry/auto-instrumentations-node';
  const started = (options: string, more: object = {}): TemporaryProject =>
    program(
      {},
      {
        type: 'module',
        scripts: { start: `node ${options} server.js` },
        ...more,
        dependencies: { express: '*', [auto]: '*', ...(more as { dependencies?: object }).dependencies },
      },
    );
  const hook = '--experimental-loader=@opentelemetry/instrumentation/hook.mjs';

  it.each([`--require ${auto}/register`, `--import ${auto}/register`, `--require ${auto}/register -r ./more.cjs`])(
    'do not patch an import: %s',
    async (options) => {
      using project = started(options);
      expect(coded(await findings([project.folder]), 'esm')).toMatchObject([
        { status: 'error', message: expect.stringMatching(/import of express$/), fix: expect.stringContaining(hook) },
      ]);
    },
  );

  it('patch it with the loader hook', async () => {
    using project = started(`${hook} --import ${auto}/register`);
    expect(coded(await findings([project.folder]), 'esm')).toMatchObject([{ status: 'ok' }]);
    using environment = started(`--import ${auto}/register`);
    expect(coded(await findings([environment.folder], { NODE_OPTIONS: hook }), 'esm')).toMatchObject([
      { status: 'ok' },
    ]);
  });

  it.each([
    ['CommonJS', { type: 'commonjs' }],
    ['our package wraps the library', { dependencies: { '@throughline/express': '*' } }],
    ['what is patched by its inner files', { dependencies: { express: undefined, pg: '*' } }],
  ])('are no matter: %s', async (_, more) => {
    using project = started(`--require ${auto}/register`, more);
    expect(coded(await findings([project.folder]), 'esm').filter(({ status }) => status !== 'ok')).toEqual([]);
  });
});

describe('other instrumentation', () => {
  it('is told of as docs/BESIDE-INSTRUMENTATIONS.md does', async () => {
    const auto = '@opentelemetry/auto-instrumentations-node';
    using project = program({}, { dependencies: { [auto]: '*', '@throughline/kafkajs': '*' } });
    expect(coded(await findings([project.folder]), 'beside')).toMatchObject([
      { status: 'ok', message: expect.stringContaining('OTEL_NODE_DISABLED_INSTRUMENTATIONS=net,dns,kafkajs') },
    ]);
    expect(
      coded(await findings([project.folder], { OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'net,dns,kafkajs' }), 'beside'),
    ).toEqual([]);
  });

  it('opens a second SERVER span where a hop restarts', async () => {
    const dependencies = { '@opentelemetry/instrumentation-http': '*', '@throughline/express': '*' };
    const source = "import { publicEdge } from '@throughline/core';\napp.use(traceContext(publicEdge()));\n";
    using project = program({ 'server.js': source }, { dependencies });
    expect(coded(await findings([project.folder]), 'beside')).toMatchObject([{ status: 'warning' }]);
    using off = program({ 'server.js': `${source}disableIncomingRequestInstrumentation` }, { dependencies });
    expect(coded(await findings([off.folder]), 'beside')).toEqual([]);
  });

  it.each([
    ["require('dd-trace').init();", 1],
    ["import dd from 'dd-trace';\ndd.init({ plugins: false, runtimeMetrics: true });", 0],
    ["import dd from 'dd-trace';\nnew (dd.init().TracerProvider)().register();", 0],
    ['', 0],
  ])('is a second tracer beside an SDK, where it traces: %j', async (source, expected) => {
    using project = program({ 'tracer.js': source }, { dependencies: { 'dd-trace': '*' } });
    const found = coded(await findings([project.folder]), 'beside');
    expect(found.filter(({ status, message }) => status === 'warning' && message.includes('dd-trace'))).toHaveLength(
      expected,
    );
  });
});
