import assert from 'node:assert/strict';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { startModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import { generateText, wrapLanguageModel } from 'ai';
import OpenAI from 'openai';
import { modelMiddleware } from '@throughline/agent/ai-sdk';
import { traceAnthropic } from '@throughline/agent/anthropic';
import { traceOpenAI } from '@throughline/agent/openai';

const telemetry = startTelemetry();
const stand = await startModel();
process.env['OPENAI_BASE_URL'] = stand.v1;
process.env['ANTHROPIC_BASE_URL'] = stand.url;
process.env['OPENAI_API_KEY'] = process.env['ANTHROPIC_API_KEY'] = 'none';

// #region use
const openai = traceOpenAI(new OpenAI());
const anthropic = traceAnthropic(new Anthropic());
const model = wrapLanguageModel({ model: createOpenAI().chat('gpt-9'), middleware: modelMiddleware() });
// #endregion

const messages = [{ role: 'user' as const, content: 'What is an orphan?' }];
await openai.chat.completions.create({ model: 'gpt-9', messages });
await anthropic.messages.create({ model: 'claude-opus-9', max_tokens: 100, messages });
await generateText({ model, messages });
await stand.close();

const told = telemetry
  .spans()
  .map(({ name, attributes }) => `${name} of ${String(attributes['gen_ai.provider.name'])}`);
assert.deepEqual(told, ['chat gpt-9 of openai', 'chat claude-opus-9 of anthropic', 'chat gpt-9 of openai']);
for (const { attributes } of telemetry.spans()) assert.ok(Number(attributes['gen_ai.usage.input_tokens']) > 0);
await telemetry.shutdown();
console.log('each client has a span for its call');
