/** Opens the page in Chromium. The site and the API are processes of their own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium } from '@throughline/servers';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { build } from 'esbuild';
import { launch } from 'puppeteer-core';

/** Resolves with what the page was told of the spans that answered it, and with the spans of both servers. */
export async function openPage(): Promise<{ told: readonly string[]; spans: readonly CollectedSpan[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'page-'));
  const script = join(folder, 'page.js');
  const entry = new URL('./page.ts', import.meta.url).pathname;
  await build({ entryPoints: [entry], outfile: script, bundle: true, minify: true, platform: 'browser' });
  const collector = await startCollector();
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const start = async (program: string, ...args: readonly string[]) => {
    const child = fork(new URL(program, import.meta.url), args, { env });
    const [url] = (await once(child, 'message')) as [string];
    const end = async (): Promise<void> => {
      child.send('end');
      await once(child, 'exit');
    };
    return { url, end };
  };
  try {
    const api = await start('./api.ts');
    const site = await start('./site.ts', api.url, script);
    const browser = await launch({ executablePath: await findChromium(), args: ['--no-sandbox', '--headless'] });
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('document.title.includes("/plans/7")');
    const told = (await page.title()).split(' /').map((line, at) => (at === 0 ? line : `/${line}`));
    await browser.close();
    await Promise.all([site.end(), api.end()]);
    return { told, spans: collector.spans() };
  } finally {
    await collector.close();
    await rm(folder, { recursive: true });
  }
}
