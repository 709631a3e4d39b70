import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { McpFault, McpTracer } from '../src/mcp-server.ts';
import { freePort, probe, report, rowOf, rowsOf, start } from './probed.ts';

vi.setConfig({ testTimeout: 120_000 });

const SERVER = '../src/mcp-server.ts';
const FAST = ['--samples', '0', '--timeout', '2000'];
const CALL = ['--method', 'tools/call', '--data', '{"name":"fetch","arguments":{"url":"{{callback}}"}}'];

/** The options that start the server over stdio. */
function stdio(tracer: McpTracer, fault: McpFault): string[] {
  const file = fileURLToPath(new URL(SERVER, import.meta.url));
  return ['--mcp-stdio', '--', process.execPath, '--no-warnings', file, 'stdio', tracer, fault];
}

describe('an MCP server over stdio', () => {
  it('that traceServer() wraps continues what is valid in `_meta`, by its spans, which are asked for by the environment', async () => {
    const found = await report('--samples', '3', '--timeout', '2000', ...stdio('ours', 'none'));
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    // Not sampled: there is no span to see.
    expect(rowsOf(found, 'unknown')).toEqual(['valid-not-sampled: unknown']);
    const outcomes = ['valid-sampled', 'traceparent-number', 'meta-proto', 'baggage-object', 'meta-deep', 'meta-null'];
    expect(outcomes.map((id) => `${id}: ${rowOf(found, id)?.outcome}`)).toEqual([
      'valid-sampled: continued',
      'traceparent-number: ignored',
      'meta-proto: ignored',
      'baggage-object: continued',
      'meta-deep: ignored',
      'meta-null: refused',
    ]);
    expect(rowOf(found, 'forged-flag')?.details).toEqual(['recorded: 3 of 3 with the flag, 3 of 3 without context']);
  });

  it('with publicEdge() restarts, and sends nothing on from a tool', async () => {
    const found = await report('--public-edge', ...FAST, ...CALL, ...stdio('edge', 'none'));
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowOf(found, 'valid-sampled')).toMatchObject({ outcome: 'restarted', evidence: ['spans', 'callback'] });
  });

  it('of the bare SDK is accused of nothing', async () => {
    const found = await report(...FAST, ...stdio('none', 'none'));
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(found.notes).toEqual(['it exported no spans']);
    expect(found.code).toBe(0);
  });

  it('that ends on a `_meta` which it did not expect is started again for what is left, and blamed for each', async () => {
    const found = await report(...FAST, ...stdio('none', 'crash-on-meta'));
    expect(rowsOf(found, 'fail')).toEqual([
      'traceparent-number: crashed',
      'traceparent-list: crashed',
      'traceparent-object: crashed',
      'meta-deep: crashed',
    ]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(found.code).toBe(1);
  });

  it('whose tool fails on baggage that is no text', async () => {
    const found = await report(...FAST, ...CALL, ...stdio('ours', 'fails-on-baggage'));
    expect(rowsOf(found, 'fail')).toEqual(['baggage-number: failed', 'baggage-object: failed']);
    expect(rowOf(found, 'baggage-number')?.details[0]).toContain('answered tool error, each of 3 times');
  });

  it('that cannot be started says why', async () => {
    const { code, stderr } = await probe(
      '--mcp-stdio',
      '--',
      process.execPath,
      '-e',
      'console.error("no key given"); process.exit(1)',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('it said: no key given');
  });
});

describe('an MCP server over Streamable HTTP', () => {
  it('that traceServer() wraps, by the spans that it exports', async () => {
    const otlpPort = await freePort();
    const server = await start(SERVER, ['http', 'ours', 'none'], { otlpPort });
    const found = await report('--mcp', server.url, '--otlp-port', `${otlpPort}`, ...FAST);
    await server.stop();
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowOf(found, 'valid-sampled')?.outcome).toBe('continued');
    expect(rowOf(found, 'uppercase')?.outcome).toBe('ignored');
    expect(rowOf(found, 'meta-null')?.details).toEqual(['answered HTTP 400']);
  });

  it('that ends on a `_meta` which it did not expect', async () => {
    const server = await start(SERVER, ['http', 'none', 'crash-on-meta']);
    const found = await report('--mcp', server.url, ...FAST);
    await server.stop();
    const crashed = found.rows.filter(({ level }) => level === 'fail');
    expect(crashed.map(({ outcome }) => outcome)).toEqual(['crashed']);
    // It answers first: on a busy machine it goes down while the next request comes, and then both are named.
    expect(JSON.stringify(crashed)).toContain('traceparent-number');
    expect(rowOf(found, 'meta-deep')?.outcome).toBe('not sent');
  });
});
