import assert from 'node:assert/strict';
import { runAgent, recordSignal } from '@throughline/agent';
import { traceOpenAI } from '@throughline/agent/openai';
import { isLineageError, withAttempt, withBudget } from '@throughline/core';
import { startModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import OpenAI from 'openai';

const telemetry = startTelemetry();
const invoice = 'Invoice 17: two chairs, 80 each';
await using model = await startModel({
  answer: () => ({ text: 'As JSON: { "total": }', usage: { input: 300, output: 20 } }),
});
const openai = new OpenAI({ baseURL: model.v1, apiKey: 'none' });

// #region night
const client = traceOpenAI(openai, { prices: { 'gpt-9': { input: 2, output: 8 } }, lineage: { mode: 'enforce' } });

const extractTotal = (invoice: string) =>
  runAgent('extractor', async () => {
    for (let attempt = 1; ; attempt++) {
      const answer = await withAttempt(attempt, () =>
        client.chat.completions.create({ model: 'gpt-9', messages: [{ role: 'user', content: invoice }] }),
      );
      const total = parseTotal(answer.choices[0]?.message.content);
      if (total !== undefined) return total;
      recordSignal('schema_invalid'); // and round again, all night
    }
  });

const total = withBudget({ tokens: 1500 }, () => extractTotal(invoice));
// #endregion

await assert.rejects(total, (error) => isLineageError(error) && error.reason === 'tokens');
const turn = telemetry.find('invoke_agent extractor').attributes;
assert.equal(turn['throughline.turn.model_calls'], 6);
assert.equal(turn['throughline.turn.wasted.tokens'], 1600);
assert.deepEqual(turn['throughline.signals'], ['schema_invalid']);
assert.equal(model.requests.length, 5);
await telemetry.shutdown();
console.log('a loop that costs money is seen, and stopped');

function parseTotal(text: string | null | undefined): number | undefined {
  try {
    return (JSON.parse(text ?? '') as { total: number }).total;
  } catch {
    return undefined;
  }
}
