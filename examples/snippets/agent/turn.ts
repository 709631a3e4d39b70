import assert from 'node:assert/strict';
import { callModel, runAgent, runTool } from '@throughline/agent';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
const [conversationId, query] = ['c-1', 'what is an orphan?'];
const library = { search: async (words: string) => [`${words} A span whose parent nobody exported.`] };

async function ask(question: string, passages: readonly string[], { fetch }: { fetch: typeof globalThis.fetch }) {
  const events = [question, ...passages].map((content) => JSON.stringify({ choices: [{ delta: { content } }] }));
  const response = await fetch(`data:application/x-ndjson,${encodeURIComponent(events.join('\n'))}`);
  return linesOf(response);
}

async function* linesOf(response: Response): AsyncGenerator {
  for (const line of (await response.text()).split('\n')) yield JSON.parse(line) as unknown;
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stream)
    text += (chunk as { choices: { delta: { content: string } }[] }).choices[0]?.delta.content;
  return text;
}

// #region turn
const answer = await runAgent('planner', { conversationId }, async () => {
  const passages = await runTool('search', { arguments: { query } }, () => library.search(query));
  const stream = await callModel({ model: 'gpt-9', provider: 'openai', stream: true }, ({ fetch }) =>
    ask(query, passages, { fetch }),
  );
  return textOf(stream);
});
// #endregion

assert.match(answer, /nobody exported/);
const names = telemetry.spans().map(({ name }) => name);
assert.deepEqual(names, ['execute_tool search', 'chat gpt-9', 'invoke_agent planner']);
const [tool, model, turn] = telemetry.spans();
for (const step of [tool, model]) assert.equal(step?.parentSpanContext?.spanId, turn?.spanContext().spanId);
assert.equal(model?.attributes['throughline.model.chunks'], 2);
await telemetry.shutdown();
console.log('a turn holds its tool and its model call');
