import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkChains, renderTree, renderVerdict } from '../src/index.ts';
import { TRACE, desk, spanId } from './desk.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blocks = Array.from(readme.matchAll(/^```(\w*)\n(.*?)^```$/gms), ([, language, text = '']) => ({
  language,
  text,
}));
const index = new URL('../src/index.ts', import.meta.url).href;

test('the snippet runs as it stands there, and exits 0 on one whole trace', () => {
  const snippet = blocks.find(({ language }) => language === 'ts')?.text ?? '';
  expect(snippet.trim().split('\n').length).toBeLessThanOrEqual(10);
  // The system under test is the reader's own: here it exports a single span.
  const system = `
    async function runTheSystem({ OTEL_EXPORTER_OTLP_ENDPOINT }) {
      const spans = [{ traceId: '${TRACE}', spanId: '${spanId(1)}', name: 'ask', endTimeUnixNano: '2000000' }];
      const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
      const headers = { 'content-type': 'application/json' };
      await fetch(OTEL_EXPORTER_OTLP_ENDPOINT + '/v1/traces', { method: 'POST', headers, body });
    }`;
  const script = snippet.replace(`'@throughline/verify'`, JSON.stringify(index)) + system;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 80_000,
  });
  expect({ stdout, stderr, status }).toEqual({
    stdout: `trace ${TRACE}\nunknown_service  INTERNAL ask  2 ms\nsound: 1 chain, 1 trace, 1 service, 1 span\n`,
    stderr: '',
    status: 0,
  });
});

test('the quoted output is real', () => {
  const report = checkChains(desk());
  const output = blocks.find(({ language }) => language === '')?.text;
  expect(output).toBe(`${renderTree(report)}\n${renderVerdict(report)}\n`);
});
