import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire, findPackageJSON } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { orders } from '../src/shop.ts';

const OURS = '@throughline/express';
const HTTP = '@opentelemetry/instrumentation-http';
const SET = '@opentelemetry/auto-instrumentations-node';
const PARENT_ID = 'b7ad6b7169203331';

interface Asked {
  readonly traceId: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: string;
}

/** What each shop is asked, in traces of its own. */
const asked: readonly (readonly Asked[])[] = orders.map((_order, at) => [
  { traceId: `${at}af7651916cd43dd8448eb211c80319a`, path: '/users/42/posts/7', type: 'application/json', body: '{}' },
  { traceId: `${at}af7651916cd43dd8448eb211c80319b`, path: '/users/42/fails/7' },
  { traceId: `${at}af7651916cd43dd8448eb211c80319c`, path: '/users/42/upload', type: 'text/plain', body: 'text' },
]);

/** Where the shops work. */
const PLACES = new Set([
  'middleware',
  'close of req',
  'middleware after an await',
  'withDeadline',
  'middleware of a nested router',
  'guard of a route',
  'handler',
  'finish of res',
  'close of res',
  'handler after an await',
  'the way out of a nested router',
  'handler after the routers',
  'data of req',
  'end of req',
  'end of req after an await',
  'error handler',
  'error handler after an await',
]);

/** Where the packages of each line are installed. */
const lines = [
  { line: 3, from: new URL('../package.json', import.meta.url) },
  { line: 2, from: new URL('../../sdk2/package.json', import.meta.url) },
];

interface Setting {
  readonly line: number;
  readonly from: URL;
  readonly express: 4 | 5;
  readonly modules: 'CommonJS' | 'ESM';
}

const settings: readonly Setting[] = lines.flatMap((line) =>
  ([4, 5] as const).flatMap((express) =>
    (['CommonJS', 'ESM'] as const).map((modules) => ({ ...line, express, modules })),
  ),
);

/** Every instrumentation that the package holds, also those that it leaves off by default. */
function everyInstrumentation(from: URL): string {
  const manifest = findPackageJSON(SET, from) ?? '';
  const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies: Record<string, string> };
  const names = Object.keys(dependencies).flatMap(
    (name) => /^@opentelemetry\/instrumentation-(.+)$/.exec(name)?.[1] ?? [],
  );
  expect(names).toEqual(expect.arrayContaining(['express', 'fs', 'http', 'net', 'router', 'undici']));
  return names.join(',');
}

/** Runs the shops beside the whole set, sends them the requests one by one, and returns every span that they export. */
async function run({ line: major, from, express, modules }: Setting): Promise<readonly CollectedSpan[]> {
  const require = createRequire(from);
  const hook = createRequire(require.resolve(SET)).resolve('@opentelemetry/instrumentation/hook.mjs');
  const set = require.resolve(`${SET}/register`);
  const file = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));
  const collector = await startCollector();
  const child = spawn(
    process.execPath,
    [
      '--no-warnings',
      '--require',
      file('resolve.cjs'),
      '--require',
      set,
      ...(modules === 'ESM'
        ? [`--experimental-loader=${pathToFileURL(hook).href}`, file('esm.ts')]
        : [file('commonjs.cjs')]),
    ],
    {
      env: {
        ...process.env,
        SHOP_EXPRESS: String(express),
        SHOP_OTEL_LINE: String(major),
        OTEL_NODE_ENABLED_INSTRUMENTATIONS: everyInstrumentation(from),
        OTEL_NODE_RESOURCE_DETECTORS: 'none',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
      },
    },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close');
  try {
    const listening = once(createInterface(child.stdout), 'line');
    const [line] = (await Promise.race([listening, ended.then(() => [])])) as [string?];
    if (line === undefined) throw new Error(`the shops did not open: ${stderr}`);
    const ports = JSON.parse(line) as number[];
    for (const [at, port] of ports.entries()) for (const request of asked[at] ?? []) await ask(port, request);
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
    expect(stderr).toBe('');
    return collector.spans();
  } finally {
    child.kill();
    await collector.close();
  }
}

async function ask(port: number, { traceId, path, type, body }: Asked): Promise<void> {
  const headers: http.OutgoingHttpHeaders = {
    traceparent: `00-${traceId}-${PARENT_ID}-01`,
    baggage: 'user=eve,plan=gold',
  };
  if (type !== undefined) headers['content-type'] = type;
  const method = body === undefined ? 'GET' : 'POST';
  const request = http.request({ host: '127.0.0.1', port, path, method, agent: false, headers });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response.resume(), 'end');
}

/** The topmost span above `span` that the shop has exported. */
function rootOf(span: CollectedSpan, spans: readonly CollectedSpan[]): CollectedSpan {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? span : rootOf(parent, spans);
}

function isWork({ scope }: CollectedSpan): boolean {
  return scope.name === 'shop';
}

describe.each(settings)('beside all auto-instrumentations of SDK $line, Express $express, $modules', (setting) => {
  let spans: readonly CollectedSpan[] = [];
  beforeAll(async () => {
    spans = await run(setting);
  });

  test('they run', () => {
    const patched = ['express', 'fs', 'http', ...(setting.express === 5 ? ['router'] : [])];
    const scopes = spans.flatMap(({ scope }) => /^@opentelemetry\/instrumentation-(.+)$/.exec(scope.name)?.[1] ?? []);
    expect([...new Set(scopes)].sort()).toEqual(patched);
  });

  test.each([
    ['application', 0],
    ['router', 1],
  ])('a public edge, first in the %s, keeps the caller’s trace and baggage out', (_first, shop) => {
    const places = new Set<string>();
    for (const { traceId } of asked[shop] ?? []) {
      const server = spans.find(({ scope, links }) => scope.name === OURS && links[0]?.traceId === traceId);
      if (server === undefined) throw new Error('the request has no span of ours');
      expect(server.kind).toBe('SERVER');
      expect(server.parentSpanId).toBeUndefined();
      const own = spans.filter((span) => span.traceId === server.traceId);
      expect(own.filter((span) => rootOf(span, spans) !== server)).toEqual([]);
      for (const { name, attributes } of own.filter(isWork)) {
        places.add(name);
        expect(String(attributes['baggage'])).toBe('');
      }
      // Of the caller's trace there is only what began before us: the request, and the layers on the way to us.
      const late = spans.filter(
        (span) => span.traceId === traceId && span.startTimeUnixNano > server.startTimeUnixNano,
      );
      expect(late.map(({ name }) => name)).toEqual([]);
      expect(spans.filter((span) => span.traceId === traceId && isWork(span))).toEqual([]);
    }
    expect(places).toEqual(PLACES);
  });

  test('an internal service works below the span of the request, with the baggage it accepts', () => {
    const places = new Set<string>();
    for (const { traceId } of asked[2] ?? []) {
      const own = spans.filter((span) => span.traceId === traceId);
      const servers = own.filter(({ kind }) => kind === 'SERVER');
      expect(servers).toHaveLength(1);
      expect(servers[0]).toMatchObject({
        scope: { name: HTTP },
        parentSpanId: PARENT_ID,
        attributes: { 'throughline.calls': 0 },
      });
      expect(own.filter((span) => rootOf(span, spans) !== servers[0])).toEqual([]);
      for (const { name, attributes } of own.filter(isWork)) {
        places.add(name);
        expect(String(attributes['baggage'])).toBe('plan');
      }
    }
    expect(places).toEqual(PLACES);
  });
});
