/** The jars of a server, fetched by Maven once into the user's cache. The versions are pinned in poms/. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from './on-path.ts';
import { supervise, type Environment } from './supervised.ts';

/** Written last: a folder without it, or with other files than it lists, is not complete. */
const MANIFEST = 'manifest.json';
/** Said while it fetches, so that one sees how far it is. */
const LINES_EVERY = 10;

interface Manifest {
  pom: string;
  /** Bytes of each jar. */
  jars: Record<string, number>;
}

export interface Jars {
  version: string;
  folder: string;
}

/** A server that comes as jars. */
export interface JarSet {
  /** Names its pom, its folder in the cache, and the property of the pom that holds the version. */
  id: string;
  /** As it is called when one speaks of it. */
  name: string;
  megabytes: number;
  /** How the name of the jar begins without which nothing was fetched. */
  mainJar: string;
}

export const KAFKA_JARS: JarSet = { id: 'kafka', name: 'Apache Kafka', megabytes: 45, mainJar: 'kafka_' };
export const ELASTICMQ_JARS: JarSet = {
  id: 'elasticmq',
  name: 'ElasticMQ',
  megabytes: 37,
  mainJar: 'elasticmq-server',
};

/** Returns the cached jars when they are all there, else `undefined`. */
export async function findJars(set: JarSet, env: Environment): Promise<Jars | undefined> {
  const { version, pom, folder } = await wantedJars(set, env);
  return (await isComplete(folder, pom)) ? { version, folder } : undefined;
}

/**
 * Returns the jars, fetching them first when they are not in the cache.
 * They arrive in a folder beside it that is renamed once it is complete: an interrupted fetch leaves nothing, and of
 * two at a time the first one stays.
 */
export async function fetchJars(set: JarSet, env: Environment, say: (line: string) => void): Promise<Jars> {
  const cached = await findJars(set, env);
  if (cached !== undefined) return cached;
  const maven = await findOnPath('mvn', env);
  if (maven === undefined) throw new Error('Maven is not installed');

  const { version, pom, folder, cache } = await wantedJars(set, env);
  await mkdir(cache, { recursive: true });
  say(`fetching ${set.name} ${version} (about ${set.megabytes} MB, once) into ${folder}`);
  const supervised = await supervise(join(cache, `.fetching-${set.id}-${version}-`));
  try {
    const arriving = join(supervised.folder, 'jars');
    let files = 0;
    const ending = await supervised.run({
      command: maven,
      args: ['-B', '-f', pomOf(set), 'dependency:copy-dependencies', `-DoutputDirectory=${arriving}`],
      env,
      watchFor: '.jar',
      onLine: (line) => {
        if (line.includes('Downloaded from') && ++files % LINES_EVERY === 0) say(`fetched ${files} files`);
      },
    });
    if (ending.code !== 0) {
      const cause = ending.tail.filter((line) => line.includes('ERROR')).slice(0, 3);
      throw new Error(
        `Maven could not fetch ${set.name} ${version}:\n${(cause.length ? cause : ending.tail).join('\n')}`,
      );
    }
    await writeManifest(set, arriving, pom);
    await putInPlace(arriving, folder, join(supervised.folder, 'replaced'), pom);
  } finally {
    await supervised.end();
  }
  say(`fetched ${set.name} ${version}`);
  return { version, folder };
}

function pomOf(set: JarSet): string {
  return fileURLToPath(new URL(`../poms/${set.id}.xml`, import.meta.url));
}

async function wantedJars(set: JarSet, env: Environment): Promise<Jars & { cache: string; pom: string }> {
  const text = await readFile(pomOf(set), 'utf8');
  const version = /<\w+\.version>(.+)<\/\w+\.version>/.exec(text)?.[1] ?? 'unknown';
  const cache = join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'throughline');
  return {
    version,
    cache,
    folder: join(cache, `${set.id}-${version}`),
    pom: createHash('sha256').update(text).digest('hex'),
  };
}

async function isComplete(folder: string, pom: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
    if (!isManifest(manifest) || manifest.pom !== pom) return false;
    for (const [jar, bytes] of Object.entries(manifest.jars)) {
      if ((await stat(join(folder, jar))).size !== bytes) return false;
    }
    return true;
  } catch {
    return false;
  }
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'pom' in value && 'jars' in value;
}

async function writeManifest(set: JarSet, folder: string, pom: string): Promise<void> {
  const jars: Record<string, number> = {};
  for (const jar of await readdir(folder)) jars[jar] = (await stat(join(folder, jar))).size;
  if (!Object.keys(jars).some((jar) => jar.startsWith(set.mainJar))) throw new Error(`Maven fetched no ${set.name}`);
  await writeFile(join(folder, MANIFEST), JSON.stringify({ pom, jars } satisfies Manifest, undefined, 2));
}

async function putInPlace(arrived: string, folder: string, replaced: string, pom: string): Promise<void> {
  // An incomplete one, or of an older pom, makes way. What is not there need not.
  if (!(await isComplete(folder, pom))) await rename(folder, replaced).catch(() => {});
  try {
    await rename(arrived, folder);
  } catch (error) {
    if (!(await isComplete(folder, pom))) throw error; // not another run that was first
  } finally {
    await rm(replaced, { recursive: true, force: true });
  }
}
