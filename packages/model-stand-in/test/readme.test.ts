import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { holdAt, slow, SLOW_KINDS, startModel } from '../src/index.ts';

async function shown(): Promise<{ readonly came: string[]; readonly requests: number }> {
  const came: string[] = [];
  // #region readme
  await using model = await startModel();
  const openai = new OpenAI({ baseURL: model.v1, apiKey: 'none' });

  const hold = holdAt('chunk:3');
  model.next({ fail: { by: 'status', status: 429, retryAfterMs: 20 } }, { text: 'one two three', hold });
  const stream = await openai.responses.create({ model: 'gpt', input: 'Count.', stream: true });
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') came.push(event.delta);
    if (came.length === 2) hold.release();
  }
  model.next(...slow('cold-cache', { ms: 500 }));
  // #endregion
  return { came, requests: model.requests.length };
}

it('the code in the README does what it says, and the README names every kind of slow', async () => {
  expect(await shown()).toEqual({ came: ['one ', 'two ', 'three'], requests: 2 });
  const page = read('../README.md');
  const [, code] = /^```ts\n([^]*?)^```$/m.exec(page) ?? [];
  const [, own] = /^ *\/\/ #region readme\n([^]*?)^ *\/\/ #endregion$/m.exec(read('./readme.test.ts')) ?? [];
  expect(code).toBe(own?.replaceAll(/^ {2}/gm, ''));
  for (const kind of SLOW_KINDS) expect(page).toContain(`\`${kind}\``);
});

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
