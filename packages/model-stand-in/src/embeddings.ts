/** OpenAI's embeddings: https://platform.openai.com/docs/api-reference/embeddings */
import { createHash } from 'node:crypto';
import { openai } from './openai.ts';
import { automaticPrompt } from './prompt.ts';
import type { JsonObject } from './json.ts';
import type { WireFormat } from './wire-format.ts';

const DIMENSIONS = 256;
const MOST_DIMENSIONS = 4096;

export const embeddings: WireFormat = {
  name: 'embeddings',
  path: '/v1/embeddings',
  provider: openai,
  idPrefix: 'emb_',
  textEvent: undefined,
  faultOf: ({ input, dimensions = DIMENSIONS }) => {
    if (typeof input !== 'string' && !(Array.isArray(input) && input.length > 0))
      return "Missing required parameter: 'input'.";
    const fits =
      Number.isInteger(dimensions) && (dimensions as number) > 0 && (dimensions as number) <= MOST_DIMENSIONS;
    return fits ? undefined : `Invalid value for 'dimensions': it must be from 1 to ${MOST_DIMENSIONS}.`;
  },
  conversation: (body) => ({ items: textsOf(body).map((text) => ({ kind: 'user', text })), tools: [] }),
  prompt: (body) => automaticPrompt(textsOf(body)),
  body: ({ model, usage }, request) => {
    const dimensions = typeof request['dimensions'] === 'number' ? request['dimensions'] : DIMENSIONS;
    const data = textsOf(request).map((text, index) => {
      const vector = vectorOf(text, dimensions);
      const embedding = request['encoding_format'] === 'base64' ? base64(vector) : Array.from(vector);
      return { object: 'embedding', index, embedding };
    });
    const counted = usage && { usage: { prompt_tokens: usage.input, total_tokens: usage.input } };
    return { object: 'list', data, model, ...counted };
  },
  stream: undefined,
};

// The input is a text, texts, the tokens of one, or the tokens of each.
function textsOf({ input }: JsonObject): string[] {
  if (!Array.isArray(input)) return [String(input)];
  return input.every((item) => typeof item === 'number') ? [input.join(' ')] : input.map(String);
}

/** Returns a vector of length 1 in which every word has a direction of its own: texts that share words are near each other. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const sums = new Array<number>(dimensions).fill(0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    const hash = createHash('sha256').update(word).digest();
    const at = hash.readUInt32LE(0) % dimensions;
    sums[at] = (sums[at] ?? 0) + 1;
  }
  const length = Math.hypot(...sums);
  return Float32Array.from(sums, (sum) => sum / length);
}

function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString('base64');
}
