import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { describe, expect, it } from 'vitest';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const program = (name: string): string => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url));

/** A host that knows nothing of traces calls a tool 20 times at once. Returns the answers and what was exported. */
async function hosted(args: string[]): Promise<{
  readonly answers: string[];
  readonly all: readonly CollectedSpan[];
  /** Those of the calls. */
  readonly spans: readonly CollectedSpan[];
}> {
  const collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const client = new Client({ name: 'host', version: '1.0.0' });
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env }));
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, nth) => {
      const { content } = await client.callTool({ name: 'search', arguments: { query: `question ${nth}` } });
      return (content as { text: string }[])[0]?.text ?? '';
    }),
  );
  await client.close();
  await collector.close();
  const all = collector.spans();
  return { answers, all, spans: all.filter(({ name }) => name === 'tools/call search') };
}

const expected = Array.from({ length: 20 }, (_, nth) => `found <question ${nth}>`);

describe('under a host that nobody can change', () => {
  it('a server of yours: each call is a trace of its own, and what is lost is who asked', async () => {
    const { answers, all, spans } = await hosted([program('server')]);
    expect(all).toBeSound();
    expect(answers).toEqual(expected);
    expect(spans.map(({ kind, parentSpanId }) => [kind, parentSpanId])).toEqual(
      Array.from({ length: 20 }, () => ['SERVER', undefined]),
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(20);
  });

  it('a server of somebody else, behind a proxy: each call is a trace with both of its ends', async () => {
    const { answers, all, spans } = await hosted([program('proxy'), process.execPath, program('untraced')]);
    expect(all).toBeSound();
    expect(answers).toEqual(expected);
    const served = spans.filter(({ kind }) => kind === 'SERVER');
    const called = spans.filter(({ kind }) => kind === 'CLIENT');
    expect(served.map(({ parentSpanId }) => parentSpanId)).toEqual(Array.from({ length: 20 }, () => undefined));
    expect(new Set(called.map(({ parentSpanId }) => parentSpanId))).toEqual(
      new Set(served.map(({ spanId }) => spanId)),
    );
    expect(called).toHaveLength(20);
  });

  it('a server of yours behind a proxy: one trace from the one to the other', async () => {
    const { answers, all, spans } = await hosted([program('proxy'), process.execPath, program('server')]);
    expect(all).toBeSound(['proxy', 'library']);
    expect(all).toHaveHop('proxy', 'library', { over: 'search' });
    expect(answers).toEqual(expected);
    const called = spans.filter(({ kind, service }) => kind === 'CLIENT' && service === 'proxy');
    const served = spans.filter(({ service }) => service === 'library');
    expect(new Set(served.map(({ parentSpanId }) => parentSpanId))).toEqual(
      new Set(called.map(({ spanId }) => spanId)),
    );
    expect(served).toHaveLength(20);
  });
});
