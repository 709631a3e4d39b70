import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ADAPTERS } from '../../src/doctor/adapters.ts';
import { coded, doctor, findings, npmLock, TemporaryProject } from './project.ts';

const workspace = join(import.meta.dirname, '../../../..');

type Versions = Readonly<Record<string, string | object>>;

/** A private package that depends on these, as npm locks them side by side. */
function locked(
  versions: Versions,
  files: Readonly<Record<string, object | string>> = {},
  manifest: object = {},
): TemporaryProject {
  const dependencies = Object.fromEntries(Object.keys(versions).map((name) => [name, '*']));
  const packages = Object.entries(versions).map(([name, said]): [string, object] => [
    `node_modules/${name}`,
    typeof said === 'string' ? { version: said } : said,
  ]);
  return new TemporaryProject({
    'package.json': { name: 'shop', private: true, dependencies, ...manifest },
    'package-lock.json': npmLock({ '': {}, ...Object.fromEntries(packages) }),
    ...files,
  });
}

const API = '@opentelemetry/api';

it('the table of adapters is what their package.json files say', () => {
  const said = globSync('packages/*/package.json', { cwd: workspace })
    .sort()
    .flatMap((file) => {
      const { name, peerDependencies = {} } = JSON.parse(readFileSync(join(workspace, file), 'utf8')) as {
        name: string;
        peerDependencies?: Record<string, string>;
      };
      const { [API]: _, ...libraries } = peerDependencies;
      return Object.keys(libraries).length === 0 ? [] : [{ name, libraries }];
    });
  expect(ADAPTERS).toEqual(said);
});

describe('Node', () => {
  it('is held against what OpenTelemetry asks for', async () => {
    using young = locked({ '@opentelemetry/sdk-trace': { version: '3.1.0', engines: { node: '>=99.1.0' } } });
    expect(coded(await findings([young.folder]), 'node')).toEqual([
      {
        code: 'node',
        status: 'error',
        message: `Node ${process.versions.node} is not what @opentelemetry/sdk-trace 3.1.0 needs: >=99.1.0`,
        fix: 'use Node 99.1.0 or later, or the 2.x line of OpenTelemetry',
      },
    ]);
    using other = locked({ leftpad: { version: '1.0.0', engines: { node: '>=99' } } });
    expect(coded(await findings([other.folder]), 'node')).toEqual([]);
  });
});

describe('copies of the api', () => {
  const sdk = { version: '2.0.0', peerDependencies: { [API]: '>=1.3.0 <1.10.0' } };
  const library = { version: '1.0.0', dependencies: { [API]: '*' } };
  const nested = (version: string): Versions => ({
    [API]: '1.9.0',
    '@opentelemetry/sdk-trace-base': sdk,
    library,
    [`library/node_modules/${API}`]: { version },
  });

  it.each([
    ['1.10.0', 'error'],
    ['2.0.0', 'error'],
    ['1.9.0-beta.1', 'error'],
    ['1.9.0', 'ok'],
    ['1.9.1', 'ok'],
    ['1.4.0', 'ok'],
  ])('beside an SDK with 1.9.0, one of %s is %s', async (version, status) => {
    using project = locked(nested(version));
    expect(coded(await findings([project.folder]), 'api-copies').map((found) => found.status)).toEqual([status]);
  });

  it('one that is there for tests alone is in no process of the program', async () => {
    using project = new TemporaryProject({
      'package.json': { dependencies: { [API]: '*' }, devDependencies: { library: '*' } },
      'package-lock.json': npmLock({
        [`node_modules/${API}`]: { version: '1.9.0' },
        'node_modules/library': library,
        [`node_modules/library/node_modules/${API}`]: { version: '1.10.0' },
      }),
    });
    expect(coded(await findings([project.folder]), 'api-copies')).toMatchObject([
      { message: 'one copy of @opentelemetry/api, 1.9.0' },
    ]);
  });

  it('are in different processes where they are in different packages of a workspace', async () => {
    const member = (version: string): Versions => ({ dependencies: { [API]: version } });
    using project = new TemporaryProject({
      'package.json': { workspaces: ['*'] },
      'a/package.json': { name: 'a', ...member('1.9.0') },
      'b/package.json': { name: 'b', ...member('1.10.0') },
      'package-lock.json': npmLock({
        [`a/node_modules/${API}`]: { version: '1.9.0' },
        [`b/node_modules/${API}`]: { version: '1.10.0' },
      }),
    });
    expect(coded(await findings([project.folder]), 'api-copies').map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it('a range that the api is below of is an error, and above a warning', async () => {
    const third = { version: '3.1.0', peerDependencies: { [API]: '>=1.10.0 <1.11.0' } };
    using below = locked({ [API]: '1.9.0', '@opentelemetry/sdk-trace': third });
    expect(coded(await findings([below.folder]), 'api-range')).toMatchObject([
      { status: 'error', fix: expect.stringContaining('~1.10') },
    ]);
    using above = locked({ [API]: '1.10.0', '@opentelemetry/sdk-trace-base': sdk });
    expect(coded(await findings([above.folder]), 'api-range')).toMatchObject([
      { status: 'warning', fix: expect.stringContaining('~1.9') },
    ]);
  });
});

describe('lines of OpenTelemetry', () => {
  it.each([
    [
      { '@opentelemetry/sdk-node': '0.57.2', '@opentelemetry/exporter-trace-otlp-http': '0.223.1' },
      'sdk-lines',
      'error',
    ],
    [
      { '@opentelemetry/sdk-trace-base': '2.12.0', '@opentelemetry/exporter-trace-otlp-proto': '0.57.2' },
      'sdk-lines',
      'error',
    ],
    [
      { '@opentelemetry/sdk-trace-base': '2.12.0', '@opentelemetry/exporter-trace-otlp-proto': '0.301.0' },
      'sdk-lines',
      'warning',
    ],
    [{ '@opentelemetry/sdk-trace': '3.1.0', '@opentelemetry/exporter-trace-otlp-proto': '0.301.0' }, 'sdk', 'ok'],
    [{ '@opentelemetry/sdk-trace-node': '1.30.1' }, 'sdk', 'warning'],
    // What instruments is not what exports.
    [
      {
        '@opentelemetry/sdk-node': '0.301.0',
        '@opentelemetry/instrumentation-http': '0.57.2',
        '@opentelemetry/core': '1.30.1',
      },
      'sdk',
      'ok',
    ],
    [{ '@opentelemetry/api': '1.9.0', '@throughline/core': '0.1.0' }, 'sdk', 'warning'],
    // It builds and tests, or judges.
    [{ '@throughline/verify': '0.1.0' }, 'sdk', undefined],
  ] as const)('%j: %s is %s', async (versions, code, status) => {
    using project = locked(versions);
    const found = await findings([project.folder]);
    expect(
      found.filter((finding) => finding.code.startsWith('sdk')).map((finding) => [finding.code, finding.status]),
    ).toEqual(status === undefined ? [] : [[code, status]]);
  });
});

describe('our packages', () => {
  const kafkajs = (version: string): object => ({ version, peerDependencies: { kafkajs: '^2.0.0' } });

  it('are held against what is there', async () => {
    using old = locked({ '@throughline/kafkajs': kafkajs('0.1.0'), kafkajs: '1.16.0' });
    expect(coded(await findings([old.folder]), 'adapter-peers')).toEqual([
      {
        code: 'adapter-peers',
        status: 'error',
        message: '@throughline/kafkajs 0.1.0 takes kafkajs ^2.0.0, and node_modules/kafkajs is 1.16.0',
        fix: "npm install 'kafkajs@^2.0.0'",
      },
    ]);
    using none = locked({ '@throughline/kafkajs': kafkajs('0.1.0') });
    expect(coded(await findings([none.folder]), 'adapter-peers')).toMatchObject([{ status: 'error' }]);
    using fitting = locked({ '@throughline/kafkajs': kafkajs('0.1.0'), kafkajs: '2.2.4' });
    expect(coded(await findings([fitting.folder]), 'adapter-peers')).toMatchObject([{ status: 'ok' }]);
  });

  it('are of one release', async () => {
    using project = locked({ '@throughline/core': '0.1.0', '@throughline/express': '0.2.0' });
    expect(coded(await findings([project.folder]), 'adapter-versions')).toMatchObject([
      { status: 'warning', fix: 'npm install @throughline/core@latest @throughline/express@latest' },
    ]);
  });
});

describe('the environment', () => {
  const outcome = async (env: NodeJS.ProcessEnv, versions: Versions = {}): Promise<string[]> => {
    using project = locked(versions);
    return coded(await findings([project.folder], env), 'environment').map(({ status, fix }) =>
      fix === undefined ? status : `${status}: ${fix}`,
    );
  };

  it.each([
    [{ OTEL_SDK_DISABLED: 'true' }, 'error: unset OTEL_SDK_DISABLED'],
    [{ OTEL_SDK_DISABLED: 'false' }, 'ok'],
    [{ OTEL_TRACES_EXPORTER: 'none' }, 'error: OTEL_TRACES_EXPORTER=otlp'],
    [{ OTEL_TRACES_EXPORTER: 'otlp,console' }, 'ok'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio' }, 'warning: OTEL_TRACES_SAMPLER=parentbased_traceidratio'],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, 'error: OTEL_TRACES_SAMPLER=parentbased_always_on'],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, 'ok'],
    [{ OTEL_PROPAGATORS: 'b3' }, 'error: OTEL_PROPAGATORS=tracecontext,baggage,b3'],
    [{ OTEL_PROPAGATORS: 'none' }, 'error: OTEL_PROPAGATORS=tracecontext,baggage'],
    [{ OTEL_PROPAGATORS: 'tracecontext' }, 'warning: OTEL_PROPAGATORS=tracecontext,baggage'],
    [{ OTEL_PROPAGATORS: 'baggage, tracecontext' }, 'ok'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' },
      'error: OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'ok'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'error: OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'error: OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318'],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://otlp.example' },
      'error: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://otlp.example/v1/traces',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example/v1/traces' },
      'error: OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp.example',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example/otlp' }, 'ok'],
    [{ OTEL_SERVICE_NAME: 'shop' }, 'ok'],
    [{ HOME: '/' }, undefined],
  ])('%j: %s', async (env, expected) => {
    expect(await outcome(env)).toEqual(expected === undefined ? [] : [expected]);
  });

  it('takes 4317 for what it is where the exporter that is set up speaks gRPC', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' };
    expect(await outcome(env, { '@opentelemetry/exporter-trace-otlp-grpc': '0.301.0' })).toEqual(['ok']);
  });

  it('is read in scripts, a Dockerfile and the file that a script names, too', async () => {
    using project = locked(
      {},
      {
        Dockerfile: 'ENV OTEL_PROPAGATORS=b3\nENV OTEL_EXPORTER_OTLP_ENDPOINT=$COLLECTOR\n',
        'prod.env': 'OTEL_SDK_DISABLED=true\n',
        '.env': 'OTEL_TRACES_EXPORTER=none\n',
      },
      { scripts: { start: 'OTEL_TRACES_SAMPLER=always_on node --env-file=prod.env server.js' } },
    );
    expect(
      coded(await findings([project.folder]), 'environment').map(
        ({ message }) => message.split(/ turns| decides|:/)[0],
      ),
    ).toEqual([
      'OTEL_TRACES_SAMPLER=always_on in the script "start"',
      'OTEL_PROPAGATORS=b3 in Dockerfile',
      'OTEL_SDK_DISABLED=true in prod.env',
    ]);
  });
});

describe('the report', () => {
  it('says what is ill last, each with its fix, before a line that sums up', async () => {
    using project = locked({
      '@throughline/core': '0.1.0',
      kafkajs: '1.0.0',
      '@opentelemetry/sdk-node': '0.301.0',
      '@opentelemetry/api': '1.10.0',
    });
    const { code, stdout } = await doctor([project.folder], { OTEL_SDK_DISABLED: 'true' });
    expect(code).toBe(1);
    expect(stdout.split('\n').slice(-6)).toEqual([
      '! kafkajs 1.0.0 is not what @throughline/kafkajs takes: ^2.0.0',
      "  → npm install 'kafkajs@^2.0.0'",
      '✗ OTEL_SDK_DISABLED=true in the environment turns OpenTelemetry off',
      '  → unset OTEL_SDK_DISABLED',
      '1 error and 1 warning: tracing is broken (versions read from package-lock.json)',
      '',
    ]);
    expect(stdout).not.toContain('\u001b');
  });

  it('prints nothing that a manifest smuggles in', async () => {
    using project = locked({ kafkajs: '1.0.0\u001b[31m\u202e' });
    const { stdout } = await doctor([project.folder]);
    for (const character of ['\u001b', '\u202e']) expect(stdout).not.toContain(character);
    expect(stdout).toContain('\\u{1b}');
  });

  it.each([
    [['a', 'b'], /one folder is looked at/],
    [['--run'], /--run takes a command/],
    [['--run', '--import', 'x', '--', 'node'], /cannot be used with/],
    [['--wait', 'long'], /'--wait <ms>'.*whole number/],
  ])('refuses %j', async (args, message) => {
    expect(await doctor(args)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  });
});
