import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coded, doctor, findings, npmLock, TemporaryProject } from './project.ts';

const folder = join(import.meta.dirname, 'lockfiles');
const locked = readdirSync(folder).filter((name) => !name.includes('.'));

describe.each(locked)('a workspace locked by %s', (name) => {
  const project = join(folder, name);

  it('has its lines of OpenTelemetry told apart', async () => {
    expect(coded(await findings([project]), 'sdk-lines')).toEqual([
      expect.objectContaining({
        status: 'error',
        members: ['@shop/web'],
        message: expect.stringMatching(/sdk-trace-node 1\.30\.1.*sdk-trace-base 2\.0\.0/),
        fix: expect.stringMatching(/'@opentelemetry\/sdk-trace-node@\^2'$/),
      }),
    ]);
  });

  it('has its two copies of the api told, with who imports each', async () => {
    const [found, ...others] = coded(await findings([project]), 'api-copies').filter(
      ({ members }) => members?.includes('@shop/web') === true,
    );
    expect(others).toEqual([]);
    // npm puts the newer one where the SDK finds it: the older reads that.
    if (name.startsWith('npm')) {
      expect(found).toMatchObject({
        status: 'ok',
        message: expect.stringMatching(/^2 copies .* that reach each other/),
      });
    } else {
      expect(found?.message).toMatch(/^2 copies .* registers with 1\.8\.0 in .*: 1\.9\.0 in .*, for @shop\/lib$/);
      expect(found).toMatchObject({ status: 'error', fix: expect.stringContaining('1.9.0') });
    }
  });

  it('has its libraries held against what our packages take', async () => {
    expect(coded(await findings([project]), 'library-versions')).toEqual([
      expect.objectContaining({
        status: 'warning',
        message: 'kafkajs 1.16.0 is not what @throughline/kafkajs takes: ^2.0.0',
      }),
    ]);
  });

  it('is looked at from one of its packages', async () => {
    const { code, stdout } = await doctor([join(project, 'packages/lib')]);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('one copy of @opentelemetry/api, 1.9.0'),
    });
  });
});

it('all package managers are among them', () => expect(locked).toHaveLength(6));

describe('what cannot be looked at', () => {
  it.each([
    ['no package.json', {}, /package\.json is not there/],
    ['a package.json that is none', { 'package.json': '[' }, /is no JSON object/],
    ['neither node_modules nor a lockfile', { 'package.json': {} }, /run npm install/],
    [
      "npm's first lockfile",
      { 'package.json': {}, 'package-lock.json': { lockfileVersion: 1 } },
      /version 1: `npm install/,
    ],
    [
      'a lockfile that is cut',
      { 'package.json': {}, 'package-lock.json': '{"packages": {' },
      /package-lock\.json cannot be read/,
    ],
    [
      'an old lockfile of pnpm',
      { 'package.json': {}, 'pnpm-lock.yaml': 'lockfileVersion: 5.4\n' },
      /version 5\.4, and 6 and 9/,
    ],
    ['one that is no YAML', { 'package.json': {}, 'pnpm-lock.yaml': 'a: [' }, /pnpm-lock\.yaml cannot be read/],
    ['a yarn.lock that is none', { 'package.json': {}, 'yarn.lock': '{{{' }, /yarn\.lock cannot be read/],
  ])('is told with the fix: %s', async (_, files, message) => {
    using project = new TemporaryProject(files);
    const { code, stdout, stderr } = await doctor([project.folder]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('does not throw, whatever has the wrong type', async () => {
    using project = new TemporaryProject({
      'package.json': {
        name: 7,
        workspaces: 'x',
        dependencies: { '@opentelemetry/api': 3, kafkajs: '^2' },
        scripts: [],
        engines: null,
      },
      'package-lock.json': npmLock({
        '': {},
        'node_modules/kafkajs': { link: true, resolved: 'node_modules/kafkajs' },
      }),
    });
    expect(await doctor([project.folder])).toMatchObject({ code: 0, stderr: '' });
  });
});
