import { startModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import OpenAI from 'openai';

const telemetry = startTelemetry();
await using model = await startModel({ answer: () => ({ text: 'A span whose parent nobody exported.' }) });
const client = new OpenAI({ baseURL: model.v1, apiKey: 'none' });
const query = 'What is an orphan?';
const library = { search: async (words: string) => [`${words} See docs/findings/orphan.md.`] };

// #region readme
import { runAgent, runTool } from '@throughline/agent';
import { traceOpenAI } from '@throughline/agent/openai';

const openai = traceOpenAI(client);
const answer = await runAgent('planner', async () => {
  const [found] = await runTool('search', { arguments: { query } }, () => library.search(query));
  return openai.responses.create({ model: 'gpt-9', input: `${query} ${found}` });
});
// #endregion

import assert from 'node:assert/strict';

assert.match(answer.output_text, /nobody exported/);
const names = telemetry.spans().map(({ name }) => name);
assert.deepEqual(names, ['execute_tool search', 'chat gpt-9', 'invoke_agent planner']);
await telemetry.shutdown();
console.log('a turn holds its tool and its model call');
