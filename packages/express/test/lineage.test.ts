import { currentLineage } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve, TRACEPARENT, versions } from './serve.ts';
import type { Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const at = (hops: number, attempt = 1, deadline = '-') => ({
  traceparent: TRACEPARENT,
  baggage: `throughline.lineage=1.${hops}.32.${attempt}.${deadline}.-.-,user=ada`,
});

describe.each(versions)('a request past a limit of its chain, $name', ({ express }) => {
  let worked = 0;
  async function start(options?: Parameters<typeof traceContext>[0]): Promise<Served> {
    worked = 0;
    const app = express();
    app.use(traceContext(options));
    app.get('/work', (_req, res) => {
      worked++;
      res.json(currentLineage());
    });
    served = await serve(app);
    return served;
  }

  test('is answered with 508 and a problem document, and goes no further', async () => {
    const { ask } = await start({ lineage: { mode: 'enforce' } });
    const { status, headers, body } = await ask('/work', { headers: at(33) });
    expect([status, headers['content-type'], worked]).toEqual([508, 'application/problem+json', 0]);
    expect(JSON.parse(body)).toEqual({
      type: 'urn:throughline:refused:hops',
      title: 'Loop Detected',
      status: 508,
      detail: expect.stringMatching(/33 hops deep, and its limit is 32.*answer with what you have/) as string,
      hops: 33,
      maxHops: 32,
    });
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'http.response.status_code': 508,
      'error.type': '508',
      'throughline.lineage.hops': 33,
    });
    expect(await telemetry.hops()).toEqual({ 'http inbound refused': 1 });
  });

  test('is answered with 504 past the deadline, and with 508 past the attempts', async () => {
    const { ask } = await start({ lineage: { mode: 'enforce' } });
    expect((await ask('/work', { headers: at(1, 1, (Date.now() - 5).toString(36)) })).status).toBe(504);
    expect((await ask('/work', { headers: at(1, 17) })).status).toBe(508);
    expect(worked).toBe(0);
  });

  test('is let through where lineage is observed, and shows', async () => {
    const { ask } = await start();
    const { status, body } = await ask('/work', { headers: at(33) });
    expect([status, worked, (JSON.parse(body) as { hops: number }).hops]).toEqual([200, 1, 33]);
    expect(onlySpan(telemetry).events.map(({ name }) => name)).toEqual(['throughline.lineage.exceeded']);
  });

  test('two middlewares in one request are one hop', async () => {
    const app = express();
    app.use(traceContext({ lineage: { mode: 'enforce' } }), traceContext({ lineage: { mode: 'enforce' } }));
    app.get('/work', (_req, res) => res.json(currentLineage()));
    served = await serve(app);
    const { body } = await served.ask('/work', { headers: at(32) });
    expect(JSON.parse(body)).toMatchObject({ hops: 32, calls: 0 });
  });
});
