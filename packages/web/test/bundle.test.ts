import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** Bytes after gzip. The browser's has all that it needs; for the others OpenTelemetry's API is there already. */
const bounds = [
  ['index', 25_000],
  ['hono/index', 25_500],
  ['browser/index', 4000],
] as const;

it.each(bounds)('%s knows no Node, and stays below %i bytes', async (entry, bound) => {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL(`../src/${entry}.ts`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    // Not Node: an import of one of its modules is an error.
    platform: 'browser',
    format: 'esm',
    external: entry === 'browser/index' ? [] : ['@opentelemetry/api'],
    write: false,
    metafile: true,
  });
  const [file] = outputFiles;
  const size = gzipSync(file?.contents ?? '', { level: 9 }).length;
  expect(size).toBeLessThan(bound);
  const external = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(external.filter((path) => path !== '@opentelemetry/api')).toEqual([]);
});
