import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTelemetry } from '@throughline/test-telemetry';
import { expect, it } from 'vitest';
import { answerAttributes, modelStep, runStep, stepTracer, toolStep } from '../src/index.ts';

const search = (query: string): string => `found ${query}`;
const ask = (prompt: string) =>
  Promise.resolve({ text: `about ${prompt}`, model: 'gpt-9-mini', usage: { prompt_tokens: 20 } });

const telemetry = startTelemetry();

// #region readme
const tracer = stepTracer(undefined, 'my-framework-bridge', '1.0.0');

const lookUp = (query: string) => runStep(toolStep('search'), tracer, () => search(query));
const complete = (prompt: string) =>
  runStep(modelStep('gpt-9', { provider: 'openai' }), tracer, async ({ describe }) => {
    const answer = await ask(prompt);
    describe(answerAttributes({ model: answer.model, inputTokens: answer.usage.prompt_tokens }));
    return answer.text;
  });
// #endregion

it('the bridge in the README opens the steps that it says, and is the code that the README shows', async () => {
  expect([lookUp('lineage'), await complete('lineage')]).toEqual(['found lineage', 'about lineage']);
  expect(telemetry.find('execute_tool search').attributes['gen_ai.tool.name']).toBe('search');
  expect(telemetry.find('chat gpt-9').attributes).toMatchObject({
    'gen_ai.response.model': 'gpt-9-mini',
    'gen_ai.usage.input_tokens': 20,
  });
  await telemetry.shutdown();
  const [, shown] = /^## For who writes a bridge$[^]*?^```ts\n([^]*?)^```$/m.exec(read('../README.md')) ?? [];
  const [, own] = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(read('./readme.test.ts')) ?? [];
  expect(shown).toBe(own);
});

const workspace = join(import.meta.dirname, '../../..');
const shown = Array.from(
  read('../README.md').matchAll(/<!-- (?<file>\S+) (?<region>\S+) -->\n\n```ts\n(?<code>[^]*?)```/g),
  ({ groups }) => ({ file: groups?.['file'] ?? '', region: groups?.['region'] ?? '', code: groups?.['code'] ?? '' }),
);

it('every other snippet of the README comes from a program', () =>
  expect(read('../README.md').match(/^```ts$/gm)).toHaveLength(shown.length + 1));

it.each(shown)('the README shows $region of $file as it is', ({ file, region, code }) => {
  const program = readFileSync(join(workspace, file), 'utf8');
  const [, found] = new RegExp(`^// #region ${region}\\n([^]*?)^// #endregion$`, 'm').exec(program) ?? [];
  expect(code).toBe(found);
});

it.each([...new Set(shown.map(({ file }) => file))])('%s runs, and finds what it says', async (file) => {
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: workspace, env });
  expect(stdout).toMatch(/^\w.+\n$/);
});

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
