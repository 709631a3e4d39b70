import { error, listed, ok, warning } from '../finding.ts';
import { directCopies } from '../project/project.ts';
import type { Check, Examined } from './check.ts';

/**
 * Libraries that an instrumentation patches by what their entry exports, with its name: `import` goes past that. Those that it patches
 * by their inner files, such as pg or mongodb, load these by `require` in either way; so do Node's own modules.
 */
export const PATCHED: Readonly<Record<string, string>> = {
  '@grpc/grpc-js': 'grpc',
  '@hapi/hapi': 'hapi',
  bunyan: 'bunyan',
  express: 'express',
  ioredis: 'ioredis',
  kafkajs: 'kafkajs',
  koa: 'koa',
  mongoose: 'mongoose',
  mysql: 'mysql',
  openai: 'openai',
  pino: 'pino',
  tedious: 'tedious',
};

/** What of these our packages wrap: they need no patch. */
export const ADAPTED: Readonly<Record<string, string>> = {
  express: '@throughline/express',
  kafkajs: '@throughline/kafkajs',
};

const HOOK =
  /@opentelemetry\/instrumentation\/hook\.mjs|import-in-the-middle\/hook\.mjs|@sentry\/node\/(?:preload|import)|dd-trace\/(?:initialize|register|loader-hook)\.(?:m?js)|initializeHook|createAddHookMessageChannel/;

export const LOADER = 'node --experimental-loader=@opentelemetry/instrumentation/hook.mjs --import ./telemetry.js …';

/** Looks whether instrumentations can patch what is imported: ES modules go past the hook of `require`. */
export const esm: Check = (examined) => {
  const { copies, sources, commands, settings } = examined;
  if (!isEsm(examined)) return [];
  const libraries = patchedLibraries(examined);
  if (libraries.length === 0) return [];
  const said = [...sources, ...commands].map(({ text }) => text);
  const options = settings.filter(({ name }) => name === 'NODE_OPTIONS').map(({ value }) => value);
  const ours = new Set([...copies.keys()].map(({ name }) => name));
  const bare = libraries.filter((name) => !ours.has(ADAPTED[name] ?? ''));
  if ([...said, ...options].some((text) => HOOK.test(text)))
    return [ok('esm', `a loader hook lets instrumentations patch ${listed(libraries)} in ES modules`)];
  if (bare.length === 0) return [ok('esm', `${listed(libraries)} need no loader hook: our packages wrap them`)];
  const message = `the program is ES modules and has no loader hook: instrumentations do not patch its import of ${listed(bare)}`;
  // Where nothing tells how it is started, the hook may be there.
  return [
    commands.some(({ text }) => /\bnode\b/.test(text))
      ? error('esm', message, LOADER)
      : warning('esm', message, LOADER),
  ];
};

/** Returns what the package imports by itself and has an instrumentation for. */
export function patchedLibraries({ member, copies, sources, commands, settings }: Examined): string[] {
  const isThere = (name: string): boolean => [...copies.keys()].some((copy) => copy.name === name);
  const isUsed = [...sources, ...commands, ...settings.map(({ value }) => ({ text: value }))].some(({ text }) =>
    /auto-instrumentations-node/.test(text),
  );
  const hasAll = isUsed && isThere('@opentelemetry/auto-instrumentations-node');
  return directCopies(member)
    .map(({ name }) => name)
    .filter((name) => {
      const instrumentation = PATCHED[name];
      if (instrumentation === undefined || !member.manifest.dependencies.has(name)) return false;
      const own = `@opentelemetry/instrumentation-${instrumentation}`;
      return hasAll || sources.some(({ text }) => text.includes(own));
    });
}

const LOADED_BEFORE = /\s(?:-r|--require|--import|--loader|--experimental-loader)[= ]\S+/g;

/** A bundler may turn ES modules into something else: what is started decides. */
export function isEsm({ member, commands }: Pick<Examined, 'member' | 'commands'>): boolean {
  if (['next', 'nuxt', '@nestjs/cli'].some((name) => directCopies(member).some((copy) => copy.name === name)))
    return false;
  const started = commands.flatMap(({ text }) => [
    // What is loaded before the program is not the program.
    ...text.replaceAll(LOADED_BEFORE, '').matchAll(/\bnode\b[^&|;]*?\s([\w./-]+\.([cm]?)[jt]s)\b/g),
  ]);
  const kinds = started.map(([, , kind]) => kind);
  if (member.manifest.type === 'module') return !(kinds.length > 0 && kinds.every((kind) => kind === 'c'));
  return kinds.length > 0 && kinds.every((kind) => kind === 'm');
}
