import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import express from 'express';
import { codesOf, judgeBoth } from './system.ts';

type Vectors = Readonly<Record<string, readonly number[]>>;

/** Reads a model from the disk, and says so on the span of whoever had to wait for it. */
async function load(language: string): Promise<Vectors> {
  const started = performance.now();
  const file = join(process.env['MODELS'] as string, `${language}.json`);
  const model = JSON.parse(await readFile(file, 'utf8')) as Vectors;
  // #region loaded
  trace.getActiveSpan()?.addEvent('throughline.model.loaded', {
    'gen_ai.request.model': `vectors-${language}`,
    'throughline.model.version': '3',
    'throughline.model.load.duration': (performance.now() - started) / 1000,
  });
  // #endregion
  return model;
}

/** Has room for one model, and is asked in two languages. */
let last: { readonly language: string; readonly model: Promise<Vectors> } | undefined;
function lastModel(language: string): Promise<Vectors> {
  if (last?.language !== language) last = { language, model: load(language) };
  return last.model;
}

// #region kept
const kept = new Map<string, Promise<Vectors>>();
function keptModel(language: string): Promise<Vectors> {
  let model = kept.get(language);
  if (model === undefined) {
    model = load(language);
    kept.set(language, model); // the promise: who asks meanwhile waits for the same load
    model.catch(() => kept.delete(language));
  }
  return model;
}
// #endregion

const isParent = process.argv[2] === undefined;
const models = isParent ? mkdtempSync(join(tmpdir(), 'models-')) : undefined;
if (models !== undefined) {
  process.env['MODELS'] = models;
  for (const language of ['en', 'de']) writeFileSync(join(models, `${language}.json`), '{ "owl": [0.1, 0.9] }');
}

let asked = 0;
const { broken, mended } = await judgeBoth(
  import.meta.filename,
  'model-reloaded',
  {
    library: {
      serve: (form) =>
        express().use(traceContext(), async (_request, response) => {
          const language = asked++ % 2 === 0 ? 'en' : 'de';
          const model = await (form === 'broken' ? lastModel(language) : keptModel(language));
          response.json(model['owl']);
        }),
    },
  },
  8,
);
if (models !== undefined) rmSync(models, { recursive: true });
assert.deepEqual(codesOf(broken), ['model-reloaded', 'model-reloaded']);
assert.deepEqual(codesOf(mended), []);
console.log('each model is loaded once');
