import type http from 'node:http';
import { findChromium, serverAvailability } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { build } from 'esbuild';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { launch } from 'puppeteer-core';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type * as browserEntry from '../src/browser/index.ts';
import { traceContext, traceHeaders } from '../src/hono/index.ts';
import { serve, serveWeb } from './serve.ts';
import type { Served } from './serve.ts';

declare global {
  // What the page's script has, and what the test reads from it.
  var throughline: typeof browserEntry;
  var told: unknown[];
}

const chromium = await serverAvailability('chromium');

describe.skipIf(chromium.missing)(`in Chromium${chromium.note}`, () => {
  let telemetry: Telemetry;
  let browser: Browser;
  let page: Page;
  let site: Served;
  let api: Served;
  let stranger: Served;
  const strangers: http.IncomingHttpHeaders[] = [];
  let script = '';
  let meta = '';

  beforeAll(async () => {
    telemetry = startTelemetry();
    const { outputFiles } = await build({
      entryPoints: [new URL('../src/browser/index.ts', import.meta.url).pathname],
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'throughline',
      write: false,
    });
    script = outputFiles[0]?.text ?? '';

    const pages = new Hono();
    pages.use('*', traceContext({ serverTiming: true }));
    pages.get('/', (c) => c.html(`<!doctype html><title>plans</title>${meta}<script>var told = [];${script}</script>`));
    pages.get('/api/plans', (c) => c.json({ plans: [] }));
    pages.post('/echo', async (c) => c.json([c.req.header('referer') ?? 'none', await c.req.text()]));
    pages.get('/silent', (c) => c.html(`<!doctype html><title>silent</title><script>var told = [];${script}</script>`));
    site = await serveWeb(pages.fetch);

    const calls = new Hono();
    calls.use('*', traceContext({ serverTiming: true }));
    calls.use(
      '*',
      cors({ origin: (origin) => origin, allowHeaders: [...traceHeaders], exposeHeaders: ['Server-Timing'] }),
    );
    calls.get('/tools/:tool', (c) => c.text('tool'));
    api = await serveWeb(calls.fetch);

    stranger = await serve((req, res) => {
      strangers.push(req.headers);
      res.setHeader('access-control-allow-origin', '*').setHeader('timing-allow-origin', '*');
      res.setHeader('server-timing', 'traceparent;desc="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"');
      res.end(String(req.method));
    });
    browser = await launch({ executablePath: await findChromium(), args: ['--no-sandbox', '--headless'] });
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([site?.close(), api?.close(), stranger?.close()]);
    await telemetry?.shutdown();
  });
  beforeEach(async () => {
    await page?.close();
    meta = '';
    strangers.length = 0;
    await telemetry.reset();
    page = await browser.newPage();
    await page.goto(`${site.url}/`);
  });

  const named = async (name: string) => {
    await expect.poll(() => telemetry.spans().map((span) => span.name)).toContain(name);
    return telemetry.find(name);
  };

  it('a call of the page is a child of the span that made the page, at its own origin and at one that is named', async () => {
    await page.evaluate(async (firstParty) => {
      const traced = throughline.traceFetch(undefined, { firstParty: [firstParty] });
      await (await traced('/api/plans')).text();
      await (await traced(new URL('/tools/search', firstParty))).text();
      await (await traced(new Request('/api/plans', { method: 'POST', body: 'x' }))).text();
    }, api.url);
    const root = await named('GET /');
    for (const name of ['GET /api/plans', 'GET /tools/:tool', 'POST']) {
      const span = await named(name);
      expect(span.parentSpanContext?.spanId, name).toBe(root.spanContext().spanId);
      expect(span.spanContext().traceId, name).toBe(root.spanContext().traceId);
    }
  });

  it('a Request keeps what it says of itself, also where it stands for the options', async () => {
    const told = await page.evaluate(async () => {
      const traced = throughline.traceFetch();
      const asked = (body?: string) =>
        new Request('/echo', { method: 'POST', body: body ?? null, referrerPolicy: 'no-referrer' });
      const calls = [
        () => traced(asked('x')),
        () => traced('/echo', asked()),
        () => traced(asked('x'), { headers: { a: 'b' } }),
      ];
      const answers: unknown[] = [];
      for (const call of calls) answers.push(await (await call()).json());
      return answers;
    });
    expect(told).toEqual([
      ['none', 'x'],
      ['none', ''],
      // As without us: any option at all makes fetch forget it.
      [`${site.url}/`, 'x'],
    ]);
    await expect.poll(() => telemetry.spans().filter(({ parentSpanContext }) => parentSpanContext)).toHaveLength(3);
  });

  it('anybody else gets nothing, not even a preflight', async () => {
    const body = await page.evaluate(async (url) => {
      const traced = throughline.traceFetch();
      return (await traced(`${url}/`)).text();
    }, stranger.url);
    expect(body).toBe('GET');
    expect(strangers).toHaveLength(1);
    for (const name of traceHeaders) expect(strangers[0]).not.toHaveProperty(name);
  });

  it('what a server says of its span is told, of another origin too', async () => {
    const told = await page.evaluate(async (firstParty) => {
      const traced = throughline.traceFetch(undefined, {
        firstParty: [firstParty],
        onTrace: (trace, url) => told.push([url.pathname, trace.spanId, trace.sampled]),
      });
      await (await traced('/api/plans')).text();
      await (await traced(`${firstParty}/tools/search`)).text();
      return globalThis.told;
    }, api.url);
    const [plans, tools] = [await named('GET /api/plans'), await named('GET /tools/:tool')];
    expect(told).toEqual([
      ['/api/plans', plans.spanContext().spanId, true],
      ['/tools/search', tools.spanContext().spanId, true],
    ]);
  });

  it('serverTrace reads entries of the Performance API as well', async () => {
    const told = await page.evaluate(async (url) => {
      await (await fetch(url)).text();
      const entry = await new Promise<PerformanceEntry>((resolve) => {
        new PerformanceObserver((list) => {
          const found = list.getEntriesByName(url)[0];
          if (found !== undefined) resolve(found);
        }).observe({ type: 'resource', buffered: true });
      });
      return throughline.serverTrace(entry as PerformanceResourceTiming);
    }, `${stranger.url}/timed`);
    expect(told).toMatchObject({ spanId: 'b7ad6b7169203331', sampled: true });
  });

  it('<meta name="traceparent"> says it before Server-Timing', async () => {
    meta = '<meta name="traceparent" content="00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00">';
    await page.reload();
    const trace = await page.evaluate(() => throughline.pageTrace());
    expect(trace).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: '00f067aa0ba902b7',
      sampled: false,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00',
    });
  });

  it('a span that is active in an OpenTelemetry SDK comes before the page’s', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { context, trace } from '@opentelemetry/api';
          const span = trace.wrapSpanContext({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '00f067aa0ba902b7', traceFlags: 1 });
          const active = trace.setSpan(context.active(), span);
          context.setGlobalContextManager({ active: () => active, with: (_, fn) => fn(), bind: (_, fn) => fn, enable() {}, disable() {} });
        `,
        resolveDir: new URL('.', import.meta.url).pathname,
      },
      bundle: true,
      platform: 'browser',
      format: 'iife',
      write: false,
    });
    await page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
    await page.evaluate(async () => (await throughline.traceFetch()('/api/plans')).text());
    expect((await named('GET /api/plans')).parentSpanContext).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: '00f067aa0ba902b7',
    });
  });

  it('where no span is known, the call goes as it is, and the server starts the trace', async () => {
    await page.evaluate(async () => (await throughline.traceFetch(undefined, { maxPageAge: 0 })('/api/plans')).text());
    expect((await named('GET /api/plans')).parentSpanContext).toBeUndefined();
  });

  it('what the caller sends, ignores, or may not send stays as it is; its error is the browser’s own', async () => {
    const { sent, frozen, error } = await page.evaluate(async () => {
      const calls: (string | null)[] = [];
      const inner = (_input: unknown, init?: RequestInit): Promise<Response> => {
        calls.push(new Headers(init?.headers).get('traceparent'));
        return Promise.resolve(new Response(null));
      };
      const traced = throughline.traceFetch(inner, { ignore: (url) => url.pathname === '/logout' });
      const own = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';
      await traced('/a', { headers: { traceparent: own } });
      await traced('/logout');
      await traced('/b', { mode: 'no-cors' });
      await traced('data:text/plain,x');
      const init = Object.freeze({ headers: Object.freeze({ 'x-own': '1' }) });
      await traced('/c', init);
      const failure = new Error('mine');
      const failing = throughline.traceFetch((_input: unknown) => Promise.reject(failure));
      const caught: unknown = await failing('/d').catch((thrown: unknown) => thrown);
      return { sent: calls, frozen: init.headers, error: caught === failure };
    });
    expect(sent.slice(0, 4)).toEqual(['00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01', null, null, null]);
    expect(sent[4]).toMatch(/^00-/);
    expect(frozen).toEqual({ 'x-own': '1' });
    expect(error).toBe(true);
  });
});
