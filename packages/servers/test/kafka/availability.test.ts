import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kafkaAvailability } from '../../src/index.ts';
import { parseJavaVersion } from '../../src/java.ts';

const withoutJava = { PATH: '/nonexistent' };

describe('where no Apache Kafka is to be had', () => {
  it('a suite that needs it is missing it, and its name says why', async () => {
    const kafka = await kafkaAvailability({ need: 'apache', env: withoutJava });
    expect(kafka).toMatchObject({ missing: true, apacheKafka: false, flavor: undefined });
    expect(kafka.note).toBe(' (skipped: Apache Kafka is needed, but Java is not installed)');
  });

  it('REQUIRE_KAFKA=1 makes that an error', async () => {
    const required = kafkaAvailability({ need: 'apache', env: { ...withoutJava, REQUIRE_KAFKA: '1' } });
    await expect(required).rejects.toThrow(/No Kafka broker: .*docker run/s);
  });
});

it('takes the broker of KAFKA_BROKERS before all others, and trusts it to be Apache Kafka', async () => {
  const kafka = await kafkaAvailability({ need: 'apache', env: { KAFKA_BROKERS: 'a:1,b:2' } });
  expect(kafka).toMatchObject({ flavor: 'external', missing: false, apacheKafka: true });
  expect(kafka.note).toBe('');
});

describe('with a fake java', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'throughline-fake-java-'));
    await writeFile(join(folder, 'java'), '#!/bin/sh\necho \'openjdk version "1.8.0_392"\' >&2\n');
    await chmod(join(folder, 'java'), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('of an old version, says which version is needed', async () => {
    const kafka = await kafkaAvailability({ need: 'apache', env: { PATH: folder } });
    expect(kafka.reason).toMatch(/is Java 8, and Kafka 4 needs 17/);
  });

  it('of a good version but without jars and Maven, says that Maven is missing', async () => {
    await writeFile(join(folder, 'java'), '#!/bin/sh\necho \'openjdk version "21.0.1"\' >&2\n');
    const kafka = await kafkaAvailability({ need: 'apache', env: { PATH: folder, XDG_CACHE_HOME: folder } });
    expect(kafka.reason).toMatch(/Maven is not installed/);
  });

  it('and a fake Maven that fails, takes the small broker, says why, and leaves nothing in the cache', async () => {
    await writeFile(join(folder, 'mvn'), '#!/bin/sh\necho "[ERROR] no route to the repository"\nexit 1\n');
    await chmod(join(folder, 'mvn'), 0o755);
    const env = { PATH: folder, XDG_CACHE_HOME: folder };
    const kafka = await kafkaAvailability({ env, onProgress: () => {} });
    expect(kafka.flavor).not.toBe('apache');
    expect(kafka.reason).toMatch(/Maven could not fetch Apache Kafka .*no route to the repository/s);
    expect(await readdir(join(folder, 'throughline'))).toEqual([]);
  });
});

it.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['openjdk version "25" 2025-09-16', 25],
  ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
])('reads the version in %j', (output, major) => {
  expect(parseJavaVersion(output)).toBe(major);
});
