import { readFileSync } from 'node:fs';
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

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
