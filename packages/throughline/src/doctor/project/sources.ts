import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseEnv } from 'node:util';
import { globSync } from 'tinyglobby';
import type { Member } from './project.ts';

/** The text of a file that has to do with tracing. */
export interface Source {
  /** From the member's folder. */
  readonly place: string;
  readonly text: string;
}

/** A variable that the program is started with. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  /** Such as `the environment`, or `Dockerfile`. */
  readonly from: string;
}

const MAX_FILES = 5000;
const MAX_BYTES = 300_000;
const TRACING =
  /@opentelemetry\/|@throughline\/|@sentry\/|@vercel\/otel|@traceloop\/|dd-trace|newrelic|elastic-apm-node/;
const IN_BROWSERS = /sdk-trace-web|\/context-zone|\bWebTracerProvider\b|^\s*['"]use client['"]/m;
const BUILT_OR_TESTED = [
  '**/{node_modules,dist,build,out,coverage,vendor,.next,.nuxt,.output,.yarn}/**',
  '**/{test,tests,__tests__,e2e,fixtures}/**',
  '**/*.{test,spec,d,client}.{js,mjs,cjs,ts,mts,cts}',
  '**/instrumentation-client.*',
];

/** Returns the member's own sources that name a tracer, without its tests, what runs in browsers, and the sources of other members. */
export function sourcesOf({ folder }: Member, others: readonly Member[]): Source[] {
  const inside = others
    .map((other) => relative(folder, other.folder))
    .filter((place) => place !== '' && !place.startsWith('..'));
  const files = globSync('**/*.{js,mjs,cjs,ts,mts,cts,tsx,jsx}', {
    cwd: folder,
    ignore: [...BUILT_OR_TESTED, ...inside.map((place) => `${place}/**`)],
  });
  const sources: Source[] = [];
  for (const place of files.sort().slice(0, MAX_FILES)) {
    const file = join(folder, place);
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? Infinity) > MAX_BYTES) continue;
    const text = withoutComments(textOf(file));
    if (TRACING.test(text) && !IN_BROWSERS.test(text)) sources.push({ place, text });
  }
  return sources;
}

/** Returns the lines that start the program: of package.json's scripts, a Dockerfile, a Procfile. */
export function commandsOf({ folder, manifest }: Member): Source[] {
  const scripts = [...manifest.scripts].map(([name, text]) => ({ place: `the script "${name}"`, text }));
  const files = ['Dockerfile', 'Procfile'].map((place) => ({ place, text: textOf(join(folder, place)) }));
  return [...scripts, ...files].filter(({ text }) => /\bnode\b|NODE_OPTIONS|OTEL_|--import|--require/.test(text));
}

/** Returns the variables that the program gets, as far as they can be told. */
export function settingsOf(
  { folder }: Member,
  commands: readonly Source[],
  env: Readonly<Record<string, string | undefined>>,
): Setting[] {
  const isOurs = (name: string): boolean => name.startsWith('OTEL_') || name === 'NODE_OPTIONS';
  const settings: Setting[] = [];
  for (const [name, value] of Object.entries(env))
    if (isOurs(name) && value !== undefined) settings.push({ name, value, from: 'the environment' });
  for (const { place, text } of commands)
    for (const [, name = '', quoted, plain = ''] of text.matchAll(
      /\b(OTEL_[A-Z0-9_]+|NODE_OPTIONS)[= ](?:["']([^"'\n]*)["']|([^\s"'\\]+))/g,
    ))
      settings.push({ name, value: quoted ?? plain, from: place });
  const named = commands.flatMap(({ text }) => [...text.matchAll(/--env-file(?:-if-exists)?[= ](\S+)/g)]);
  for (const file of new Set(named.map(([, file = '']) => file)))
    for (const [name, value] of Object.entries(parsed(textOf(join(folder, file)))))
      if (isOurs(name) && value !== undefined) settings.push({ name, value, from: file });
  return settings;
}

function parsed(text: string): NodeJS.Dict<string> {
  try {
    return parseEnv(text);
  } catch {
    return {};
  }
}

function textOf(file: string): string {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  } catch {
    return '';
  }
}

/** What is commented out does not run. */
function withoutComments(text: string): string {
  return text.replaceAll(/(^|\s)\/\*[^]*?\*\//g, '$1').replaceAll(/^\s*\/\/.*$/gm, '');
}
