/** Kafka's jars, fetched by Maven once into the user's cache. The versions are pinned in pom.xml. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from './java.ts';
import { supervise, type Environment } from './supervised.ts';

const POM = fileURLToPath(new URL('../pom.xml', import.meta.url));
/** Written last: a folder without it, or with other files than it lists, is not complete. */
const MANIFEST = 'manifest.json';
/** Said while it fetches, so that one sees how far it is. */
const LINES_EVERY = 10;

interface Manifest {
  pom: string;
  /** Bytes of each jar. */
  jars: Record<string, number>;
}

export interface KafkaJars {
  version: string;
  folder: string;
}

/** Returns the cached jars when they are all there, else `undefined`. */
export async function findJars(env: Environment): Promise<KafkaJars | undefined> {
  const { version, pom, folder } = await wantedJars(env);
  return (await isComplete(folder, pom)) ? { version, folder } : undefined;
}

/**
 * Returns the jars, fetching them first when they are not in the cache.
 * They arrive in a folder beside it that is renamed once it is complete: an interrupted fetch leaves nothing, and of
 * two at a time the first one stays.
 */
export async function fetchJars(env: Environment, say: (line: string) => void): Promise<KafkaJars> {
  const cached = await findJars(env);
  if (cached !== undefined) return cached;
  const maven = await findOnPath('mvn', env);
  if (maven === undefined) throw new Error('Maven is not installed');

  const { version, pom, folder, cache } = await wantedJars(env);
  await mkdir(cache, { recursive: true });
  say(`fetching Apache Kafka ${version} (about 45 MB, once) into ${folder}`);
  const supervised = await supervise(join(cache, `.fetching-kafka-${version}-`));
  try {
    const arriving = join(supervised.folder, 'jars');
    let files = 0;
    const ending = await supervised.run({
      command: maven,
      args: ['-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${arriving}`],
      env,
      watchFor: '.jar',
      onLine: (line) => {
        if (line.includes('Downloaded from') && ++files % LINES_EVERY === 0) say(`fetched ${files} files`);
      },
    });
    if (ending.code !== 0) {
      const cause = ending.tail.filter((line) => line.includes('ERROR')).slice(0, 3);
      throw new Error(
        `Maven could not fetch Apache Kafka ${version}:\n${(cause.length ? cause : ending.tail).join('\n')}`,
      );
    }
    await writeManifest(arriving, pom);
    await putInPlace(arriving, folder, join(supervised.folder, 'replaced'), pom);
  } finally {
    await supervised.end();
  }
  say(`fetched Apache Kafka ${version}`);
  return { version, folder };
}

async function wantedJars(env: Environment): Promise<KafkaJars & { cache: string; pom: string }> {
  const text = await readFile(POM, 'utf8');
  const version = /<kafka\.version>(.+)<\/kafka\.version>/.exec(text)?.[1] ?? 'unknown';
  const cache = join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'throughline');
  return {
    version,
    cache,
    folder: join(cache, `kafka-${version}`),
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

async function writeManifest(folder: string, pom: string): Promise<void> {
  const jars: Record<string, number> = {};
  for (const jar of await readdir(folder)) jars[jar] = (await stat(join(folder, jar))).size;
  if (!Object.keys(jars).some((jar) => jar.startsWith('kafka_'))) throw new Error('Maven fetched no Kafka');
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
