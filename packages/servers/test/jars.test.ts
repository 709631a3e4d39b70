import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kafkaAvailability } from '../src/index.ts';
import { fetchJars, findJars, KAFKA_JARS } from '../src/jars.ts';

const { KAFKA_BROKERS: _, ...ours } = process.env;
const apache = await kafkaAvailability({ need: 'apache', env: ours });

describe.skipIf(apache.missing)(`the cache of jars${apache.note}`, () => {
  let env: NodeJS.ProcessEnv;
  let cache: string;
  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'throughline-cache-'));
    env = { ...ours, XDG_CACHE_HOME: cache };
  });
  afterAll(() => rm(cache, { recursive: true }));

  it('is filled by two at a time, once, with nothing left beside it', { timeout: 120_000 }, async () => {
    const said: string[] = [];
    const [first, second] = await Promise.all([
      fetchJars(KAFKA_JARS, env, (line) => said.push(line)),
      fetchJars(KAFKA_JARS, env, (line) => said.push(line)),
    ]);
    expect(second).toEqual(first);
    expect(said[0]).toMatch(/^fetching Apache Kafka 4/);
    expect(await findJars(KAFKA_JARS, env)).toEqual(first);
    expect(await readdir(join(cache, 'throughline'))).toEqual([`kafka-${first.version}`]);
  });

  it('is filled anew when a jar is cut short', { timeout: 120_000 }, async () => {
    const jars = await findJars(KAFKA_JARS, env);
    const folder = jars?.folder ?? '';
    const jar = (await readdir(folder)).find((name) => name.startsWith('kafka_'));
    await truncate(join(folder, jar ?? ''), 10);
    expect(await findJars(KAFKA_JARS, env)).toBeUndefined();
    expect(await fetchJars(KAFKA_JARS, env, () => {})).toEqual(jars);
    expect(await findJars(KAFKA_JARS, env)).toEqual(jars);
  });
});
