import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

const sdk2 = createRequire(new URL('./test/sdk2/package.json', import.meta.url));
const oldest = createRequire(new URL('./test/oldest/package.json', import.meta.url));
const { dependencies } = oldest('./package.json') as { dependencies: object };

/** Gives sources and tests the version of a peer that `test/oldest` has. By `require`, so that each is there once: see below. */
const oldestPeers = {
  name: 'oldest-peers',
  enforce: 'pre',
  resolveId(id: string): string | undefined {
    const name = id.split('/', id.startsWith('@') ? 2 : 1).join('/');
    if (id === '@throughline/test-telemetry') return sdk2.resolve('./src/index.ts');
    return Object.hasOwn(dependencies, name) ? oldest.resolve(id) : undefined;
  },
} as const;

/**
 * Three projects over the same tests. `sdk3` runs everything, on the OpenTelemetry 3.x line that the workspace is developed
 * on. `sdk2` runs what touches the propagation API a second time, on the 2.x line; a file that needs the 3.x line, for
 * itself or for a child process, is called `*.sdk3.test.ts`. `oldest` runs the contract of every adapter, and what goes wrong, on
 * the first version of each peer.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // The slowest take ten seconds on two cores that are theirs, and many start processes.
    testTimeout: 90_000,
    // The first broker of a machine is downloaded in a hook.
    hookTimeout: 300_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'sdk3',
          env: { OTEL_LINE: '3' },
          include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/*/test/**/*.test.ts'],
        },
      },
      {
        extends: true,
        resolve: {
          // The very files that `require` gives to the SDK in node_modules, so that it and our source, which vitest
          // evaluates by itself, share one instance of the API. A folder as target would give the ESM copy instead.
          alias: [
            { find: /^@opentelemetry\/api$/, replacement: sdk2.resolve('@opentelemetry/api') },
            { find: /^@opentelemetry\/core$/, replacement: sdk2.resolve('@opentelemetry/core') },
            { find: /^@throughline\/test-telemetry$/, replacement: sdk2.resolve('./src/index.ts') },
          ],
        },
        test: {
          name: 'sdk2',
          env: { OTEL_LINE: '2' },
          include: [
            'packages/{core,express,fetch}/test/**/*.test.ts',
            'test/chain/test/{otel-line,w3c-trace-context}.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/*.sdk3.test.ts'],
        },
      },
      {
        extends: true,
        plugins: [oldestPeers],
        test: {
          name: 'oldest',
          env: { OTEL_LINE: '2' },
          include: [
            'packages/*/test/{contract,*-contract,client-faults}.test.ts',
            'packages/express/test/{end,errors,route,span}.test.ts',
            'packages/langchain/test/langchain.test.ts',
            'packages/core/test/{inbound,outbound}.test.ts',
          ],
        },
      },
    ],
  },
});
