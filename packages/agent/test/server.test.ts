import { expect, it } from 'vitest';
import { serverOf } from '../src/provider/server.ts';

it.each([
  ['https://api.openai.com/v1', 'openai', 'api.openai.com', 443],
  ['https://eu.api.openai.com/v1', 'openai', 'eu.api.openai.com', 443],
  ['https://mine.openai.azure.com/openai', 'azure.ai.openai', 'mine.openai.azure.com', 443],
  ['https://mine.services.ai.azure.com/models', 'azure.ai.inference', 'mine.services.ai.azure.com', 443],
  ['https://api.groq.com/openai/v1', 'groq', 'api.groq.com', 443],
  ['https://api.deepseek.com', 'deepseek', 'api.deepseek.com', 443],
  ['https://api.mistral.ai/v1', 'mistral_ai', 'api.mistral.ai', 443],
  ['https://api.x.ai/v1', 'x_ai', 'api.x.ai', 443],
  ['https://api.perplexity.ai', 'perplexity', 'api.perplexity.ai', 443],
  ['https://api.anthropic.com', 'anthropic', 'api.anthropic.com', 443],
  ['https://bedrock-runtime.eu-west-1.amazonaws.com', 'aws.bedrock', 'bedrock-runtime.eu-west-1.amazonaws.com', 443],
  ['https://us-east5-aiplatform.googleapis.com/v1', 'gcp.vertex_ai', 'us-east5-aiplatform.googleapis.com', 443],
  ['http://127.0.0.1:8080/v1', undefined, '127.0.0.1', 8080],
  ['http://[::1]/v1', undefined, '::1', 80],
  ['https://not-amazonaws.com', undefined, 'not-amazonaws.com', 443],
  ['https://notapi.x.ai.evil.example/v1', undefined, 'notapi.x.ai.evil.example', 443],
])('%s is served by %s', (baseUrl, provider, address, port) => {
  expect(serverOf(baseUrl)).toEqual({ provider, address, port });
});

it.each([undefined, null, 7, '', 'no url'])('what is no URL, such as %s, is served by nobody known', (baseUrl) => {
  expect(serverOf(baseUrl)).toEqual({});
});
