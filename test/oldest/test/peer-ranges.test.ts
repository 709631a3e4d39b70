import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8')) as Manifest;

const installed = Object.keys(manifest('test/oldest').dependencies ?? {}).map((alias) => {
  const { name, version } = manifest(`test/oldest/node_modules/${alias}`);
  return `${name}@${version}`;
});

const published = readdirSync(`${root}packages`)
  .map((folder) => manifest(`packages/${folder}`))
  .filter((one) => one.private !== true);

const ranges = published.flatMap(({ name, peerDependencies = {} }) =>
  Object.entries(peerDependencies).flatMap(([peer, range]) =>
    range.split(' || ').map((part) => ({ name, peer, oldest: `${peer}@${part.replace('^', '')}` })),
  ),
);

test.each(ranges)('$name is tested with $oldest, the first version that its range takes', ({ oldest }) => {
  expect(installed).toContain(oldest);
});
