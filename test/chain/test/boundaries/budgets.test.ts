import { trace } from '@opentelemetry/api';
import { currentLineage, isLineageError, spendBudget, withBudget } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { listen } from './loopback.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const BEGUN = { tokens: 1000, cost: 0.5 };
const EACH = { tokens: 300, cost: 0.1 };

/** A writer that asks its model again and again, each time through a gateway, until it has called it nine times or is refused. */
async function overHttp(mode: 'observe' | 'enforce') {
  const options = { lineage: { mode } } as const;
  const fetch = traceFetch(undefined, options);
  const gateway = express();
  gateway.get('/', (_req, res) => void res.json({ usage: EACH }));
  const model = await listen(gateway);
  const app = express();
  app.use(traceContext(options));
  app.get('/', async (_req, res) => {
    const begun = currentLineage();
    let calls = 0;
    let reason: string | undefined;
    try {
      for (; calls < 9; calls++) {
        const response = await fetch(`http://127.0.0.1:${model.port}/`);
        spendBudget(((await response.json()) as { usage: typeof EACH }).usage);
      }
    } catch (error) {
      if (!isLineageError(error)) throw error;
      ({ reason } = error);
    }
    const left = currentLineage();
    res.json({ begun, calls, reason, left });
  });
  const writer = await listen(app);
  try {
    return await trace.getTracer('user').startActiveSpan('turn', async (turn) => {
      const told = await withBudget(BEGUN, async () => {
        const response = await fetch(`http://127.0.0.1:${writer.port}/`);
        return { answer: await response.json(), here: currentLineage() };
      });
      turn.end();
      return told;
    });
  } finally {
    await writer.close();
    await model.close();
  }
}

const exceeded = () =>
  telemetry
    .spans()
    .filter(({ events }) => events.some(({ name }) => name === 'throughline.lineage.exceeded'))
    .map(({ name, kind }) => `${kind} ${name}`);

test('a budget of tokens and money reaches the service that is called, and stops it when it is spent', async () => {
  const { answer, here } = await overHttp('enforce');
  expect(answer).toMatchObject({ begun: BEGUN, calls: 4, reason: 'tokens', left: { tokens: 0, cost: 0.1 } });
  // What a callee spends is not told back.
  expect(here).toMatchObject(BEGUN);
  const refused = telemetry.spans().filter(({ attributes }) => attributes['error.type'] === 'throughline.tokens');
  expect(refused).toHaveLength(1);
});

test('observed, nothing stops, and each span on which it is past shows it', async () => {
  const { answer } = await overHttp('observe');
  expect(answer).toMatchObject({ calls: 9, left: { tokens: 0, cost: 0 } });
  // The fourth answer asks more than is left, and so do the five after it; those five calls are made with nothing left.
  expect(exceeded().filter((name) => name.startsWith('2'))).toHaveLength(5);
  expect(exceeded().filter((name) => name.startsWith('1'))).toHaveLength(1);
  const server = telemetry.spans().find(({ kind, events }) => kind === 1 && events.length > 0);
  expect(server?.events).toHaveLength(6);
});
