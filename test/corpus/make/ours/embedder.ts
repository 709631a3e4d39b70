/**
 * A service that embeds texts in two languages, with a model for each, read from the disk. `last` has room for one model, `all` keeps both.
 * What it loads it says on the span of the request that had to wait.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';
import express from 'express';

type Vectors = Readonly<Record<string, readonly number[]>>;

const { OTEL_SERVICE_NAME: name = 'embedder', PORT, MODELS = '' } = process.env;
const [room = 'all'] = process.argv.slice(2);

const telemetry = startTelemetry(name, { 'service.instance.id': randomUUID() });
process.on('SIGTERM', () => void telemetry.shutdown().then(() => process.exit(0)));

async function load(language: string, isFirst: boolean): Promise<Vectors> {
  const started = performance.now();
  const model = JSON.parse(await readFile(join(MODELS, `${language}.json`), 'utf8')) as Vectors;
  trace.getActiveSpan()?.addEvent('throughline.model.loaded', {
    'gen_ai.request.model': `vectors-${language}`,
    'throughline.model.version': '3',
    'throughline.model.load.duration': (performance.now() - started) / 1000,
    'throughline.model.load.cold': isFirst,
  });
  return model;
}

const kept = new Map<string, Promise<Vectors>>();
const known = new Set<string>();
function modelOf(language: string): Promise<Vectors> {
  const there = kept.get(language);
  if (there !== undefined) return there;
  if (room === 'last') kept.clear();
  const model = load(language, !known.has(language));
  known.add(language);
  kept.set(language, model);
  return model;
}

const app = express();
app.use(traceContext());
app.get('/embed/:language', async (request, response) => {
  const model = await modelOf(request.params.language);
  response.json(model[String(request.query['q'])] ?? []);
});
app.listen(Number(PORT), '127.0.0.1');
