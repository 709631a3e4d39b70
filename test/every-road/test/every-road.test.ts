import { findChromium, serverAvailability, startNats, startRabbitmq, startRedis, startSqs } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { crew } from '@throughline/example-research-desk/processes';
import { checkChains, renderTree, startCollector } from '@throughline/verify';
import type { Collector } from '@throughline/verify';
import { launch } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STATIONS } from '../src/stations.ts';

const kinds = ['rabbitmq', 'nats', 'redis', 'sqs', 'chromium'] as const;
const found = await Promise.all(kinds.map((kind) => serverAvailability(kind)));
const missing = found.find((one) => one.missing);

describe.skipIf(missing !== undefined)(`a question across every road${missing?.note ?? ''}`, () => {
  const servers: RunningServer[] = [];
  const agents = crew({ readyWithin: 120_000, stopWithin: 60_000 });
  let collector: Collector;
  let origin: string;

  beforeAll(async () => {
    const start = async (startServer: () => Promise<RunningServer>): Promise<string> => {
      const server = await startServer();
      servers.push(server);
      return server.url;
    };
    const [AMQP_URL, NATS_URL, REDIS_URL, SQS_ENDPOINT] = await Promise.all(
      [startRabbitmq, startNats, startRedis, startSqs].map((one) => start(() => one())),
    );
    collector = await startCollector();
    const env = { AMQP_URL, NATS_URL, REDIS_URL, SQS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const station = (name: string, more: Record<string, string> = {}): Promise<string> =>
      agents.start(name, new URL('../src/station.ts', import.meta.url), { ...env, ...more, STATION: name } as Record<
        string,
        string
      >);
    // Each after those that it needs.
    const TOOLS_URL = await station('tools');
    await station('nats');
    await Promise.all([station('sqs', { TOOLS_URL }), station('rabbitmq')]);
    const FASTIFY_URL = await station('fastify');
    await station('bullmq', { FASTIFY_URL });
    origin = await station('hono');
  });
  afterAll(async () => {
    await agents.kill();
    await collector?.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  test('is one trace, from the page in the browser to the tool', async () => {
    const browser = await launch({ executablePath: await findChromium(), args: ['--no-sandbox', '--disable-gpu'] });
    try {
      const page = await browser.newPage();
      await page.goto(origin);
      await page.waitForFunction("document.title === 'answered 202'", { timeout: 60_000 });
    } finally {
      await browser.close();
    }
    await expect
      .poll(() => collector.spans().map(({ name }) => name), { timeout: 60_000 })
      .toContain('tools/call look_up');
    expect(await agents.dismiss()).toEqual([]);

    const spans = collector.spans();
    const report = checkChains(spans, { expect: 'one-trace' });
    expect(report.findings, renderTree(spans)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'sound', traces: 1, services: expect.arrayContaining([...STATIONS]) });
    const arrived = spans.filter(({ kind }) => kind === 'SERVER' || kind === 'CONSUMER');
    expect([...new Set(arrived.map(({ service }) => service))].toSorted()).toEqual(STATIONS.toSorted());
    for (const [from, to, over] of HOPS) {
      expect(report.hops, renderTree(spans)).toContainEqual(expect.objectContaining({ from, to, ...over }));
    }
  });
});

const HOPS = [
  ['hono', 'bullmq', { transport: 'bullmq' }],
  ['bullmq', 'fastify', { transport: 'http' }],
  ['fastify', 'rabbitmq', { transport: 'rabbitmq' }],
  ['rabbitmq', 'nats', { transport: 'nats' }],
  ['nats', 'sqs', { transport: 'aws_sqs' }],
  ['sqs', 'tools', { transport: 'mcp' }],
] as const;
