import assert from 'node:assert/strict';
import { recordEvaluation, runInference, runRetrieval, watchDrift } from '@throughline/agent';
import { startTelemetry } from '@throughline/test-telemetry';
import { checkChains, fromReadableSpans } from '@throughline/verify';

const telemetry = startTelemetry();
const texts = ['well', 'hm'];
const tokenize = (all: readonly string[]): readonly number[] => all.map((text) => text.length);
const session = {
  run: (tokens: readonly number[]) =>
    Promise.resolve(tokens.map((length) => ({ label: length > 2 ? 'kind' : 'toxic', confidence: length / 5 }))),
};
const scoresOfLastMonth = Array.from({ length: 100 }, (_, n) => n / 100);
const index = { search: (query: string) => Promise.resolve([{ text: query, updatedAt: '2026-01-01T00:00:00Z' }]) };
const query = 'what is an orphan?';

// #region inference
const drift = watchDrift({ baseline: scoresOfLastMonth });

const request = { model: 'toxicity', version: '3', batchSize: texts.length };
const labels = await runInference(request, { minConfidence: 0.6, drift }, async (run) => {
  const tokens = run.preprocess(() => tokenize(texts));
  const scores = await run.infer(() => session.run(tokens));
  run.predictions(scores.map(({ confidence }) => confidence));
  return run.postprocess(() => scores.map(({ label }) => label));
});
// #endregion

// #region retrieval
const month = 30 * 86_400_000;
const passages = await runRetrieval({ source: 'handbook', topK: 5, query }, { maxAgeMs: month }, async ({ span }) => {
  const found = await index.search(query);
  recordEvaluation('relevance', { score: 0.82, label: 'pass', span });
  return found;
});
// #endregion

assert.deepEqual(labels, ['kind', 'toxic']);
assert.equal(passages.length, 1);
const signalsOf = (name: string): unknown[] =>
  telemetry.find(name).events.flatMap(({ attributes }) => attributes?.['throughline.signal.kind'] ?? []);
assert.deepEqual(signalsOf('predict toxicity'), ['low_confidence']);
assert.deepEqual(signalsOf('retrieval'), ['stale_retrieval']);
assert.equal(telemetry.find('retrieval').events[0]?.name, 'gen_ai.evaluation.result');

// A model that is loaded for each run is a finding of the checker.
for (const cold of [true, false, false, false]) runInference(request, (run) => run.loaded({ cold, duration: 2 }));
const { findings } = checkChains(fromReadableSpans(telemetry.spans()));
assert.deepEqual(
  findings.map(({ code }) => code),
  ['model-reloaded'],
);
await telemetry.shutdown();
console.log('a model that is unsure and a passage that is old are signals');
