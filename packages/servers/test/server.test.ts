import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { execFileSync, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  findChromium,
  serverAvailability,
  startNats,
  startRabbitmq,
  startRedis,
  startSqs,
  type RunningServer,
} from '../src/index.ts';
import * as clients from './clients.ts';
import { isRunning } from './process.ts';
import { startElsewhere } from './start-elsewhere.ts';

/** Without the servers that the run of these tests may be given: they start their own. */
const { AMQP_URL: _1, NATS_URL: _2, REDIS_URL: _3, SQS_ENDPOINT: _4, ...ours } = process.env;
/** RabbitMQ starts in seven seconds of a machine that is its own, and some start it twice. */
const SLOWEST_MS = 300_000;
const withoutAny = { PATH: '/nonexistent' };

const servers = [
  {
    kind: 'rabbitmq',
    client: clients.rabbitmq,
    start: startRabbitmq,
    variable: 'AMQP_URL',
    url: /^amqp:\/\/127\.0\.0\.1:\d+$/,
  },
  { kind: 'nats', client: clients.nats, start: startNats, variable: 'NATS_URL', url: /^nats:\/\/127\.0\.0\.1:\d+$/ },
  {
    kind: 'redis',
    client: clients.redis,
    start: startRedis,
    variable: 'REDIS_URL',
    url: /^redis:\/\/127\.0\.0\.1:\d+$/,
  },
  { kind: 'sqs', client: clients.sqs, start: startSqs, variable: 'SQS_ENDPOINT', url: /^http:\/\/127\.0\.0\.1:\d+$/ },
] as const;

for (const { kind, client, start, variable, url } of servers) {
  const { missing, note } = await serverAvailability(kind, { env: ours });
  const { put, take } = client;

  describe.skipIf(missing)(`a server of kind ${kind}${note}`, { timeout: SLOWEST_MS }, () => {
    let server: RunningServer;
    const said: string[] = [];
    beforeAll(async () => {
      server = await start({ env: ours, onProgress: (line) => said.push(line) });
    });
    afterAll(() => server.stop());

    it('says where it is', () => {
      expect(server.url).toMatch(url);
      expect(said.at(-1)).toContain(server.url);
    });

    it.skipIf(process.platform !== 'linux')('listens on the loopback interface alone', async () => {
      const ports = portsOf(server.pid);
      expect(ports).toContain(Number(new URL(server.url).port));
      for (const port of ports) {
        for (const address of otherAddresses()) expect(await listens(address, port)).toBe(false);
      }
    });

    it('keeps what it has acknowledged, and its port, over a kill and a restart', async () => {
      const { pid, url } = server;
      await put(url, 'before');
      await server.kill();
      expect(isRunning(pid)).toBe(false);
      await server.restart();
      expect(server.url).toBe(url);
      expect(server.pid).not.toBe(pid);
      await put(url, 'after');
      await expect(take(url, 2)).resolves.toEqual(['before', 'after']);
    });

    it('keeps it over a restart without a kill', async () => {
      const { pid, url } = server;
      await put(url, 'before');
      await server.restart();
      expect(isRunning(pid)).toBe(false);
      await expect(take(url, 1)).resolves.toEqual(['before']);
    });

    it(`is that of ${variable} when that is set, and is not stopped then`, async () => {
      const borrowed = await start({ env: { ...withoutAny, [variable]: server.url }, onProgress: () => {} });
      expect(borrowed).toMatchObject({ url: server.url, pid: undefined, folder: undefined });
      await borrowed.stop();
      await expect(borrowed.kill()).rejects.toThrow(`The server of ${variable} is not ours`);
      await expect(borrowed.restart()).rejects.toThrow('not ours');
      expect(isRunning(server.pid)).toBe(true);
    });

    it('is gone, with its folder, when its supervisor is killed', async () => {
      const other = await start({ env: ours, onProgress: () => {} });
      const { pid, folder } = other;
      const supervisor = Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
      process.kill(supervisor, 'SIGKILL');
      await expect.poll(() => leftOf(pid, folder), { timeout: 60_000 }).toEqual([]);
      await other.stop();
    });

    it('is gone after stop, with its folder and all that it started, and stop may be called again', async () => {
      const { pid, folder } = server;
      expect(leftOf(pid, folder)).toContain(folder);
      await server.stop();
      await expect.poll(() => leftOf(pid, folder)).toEqual([]);
      await server.stop();
    });
  });

  describe.skipIf(missing)(`whoever starts a server of kind ${kind}${note}`, { timeout: SLOWEST_MS }, () => {
    let starter: ChildProcess | undefined;
    afterEach(() => starter?.kill('SIGKILL'));

    it('leaves no process and no folder when killed', async () => {
      const { pid, folder, ...started } = await startElsewhere(kind, ours);
      starter = started.starter;
      expect(leftOf(pid, folder)).toContain(folder);
      starter.kill('SIGKILL');
      await expect.poll(() => leftOf(pid, folder), { timeout: 60_000 }).toEqual([]);
    });

    it('is not kept alive by it', async () => {
      const { pid, folder, ...started } = await startElsewhere(kind, ours, 'leave');
      starter = started.starter;
      await expect.poll(() => starter?.exitCode, { timeout: 60_000 }).toBe(0);
      await expect.poll(() => leftOf(pid, folder), { timeout: 60_000 }).toEqual([]);
    });
  });

  describe(`where no server of kind ${kind} is to be had`, () => {
    it('a suite that needs it is missing it, and its name says the ways to have it', async () => {
      const availability = await serverAvailability(kind, { env: withoutAny });
      expect(availability.missing).toBe(true);
      expect(availability.note).toMatch(
        new RegExp(`^ \\(skipped: .* is not installed \\(apt-get install .*, or ${variable}=.*docker run .*\\)\\)$`),
      );
    });

    it('REQUIRE_SERVERS=1 makes that an error', async () => {
      const required = serverAvailability(kind, { env: { ...withoutAny, REQUIRE_SERVERS: '1' } });
      await expect(required).rejects.toThrow(/REQUIRE_SERVERS is set, but .* is not installed \(apt-get install /);
    });

    it('a start is an error that names them, too', async () => {
      await expect(start({ env: withoutAny })).rejects.toThrow(/ is not installed \(apt-get install /);
    });
  });

  it(`takes the server of ${variable} for one of kind ${kind} without looking for another`, async () => {
    const env = { ...withoutAny, [variable]: 'scheme://elsewhere' };
    expect(await serverAvailability(kind, { env })).toMatchObject({ missing: false, note: '' });
  });

  it(`does not take something else at ${variable} for a server of kind ${kind}`, async () => {
    const { untilReachable } = await import('../src/server.ts');
    const server = createServer((socket) => socket.end('220 mail\r\n')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const there = url.source.replace(/^\^(\w+).*/, `$1://127.0.0.1:${port}`);
    await expect(untilReachable(kind, there, 300)).rejects.toThrow(`${variable} is set, but no`);
    server.close();
  });
}

const sqs = await serverAvailability('sqs', { env: ours });
it.skipIf(sqs.missing)(`SQS refuses an eleventh attribute, as that of AWS does${sqs.note}`, async () => {
  await using server = await startSqs({ env: ours, onProgress: () => {} });
  const client = clients.sqsClient(server.url);
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'attributes' }));
  const send = (count: number): Promise<unknown> => {
    const attributes = Array.from({ length: count }, (_, n) => [`a${n}`, { DataType: 'String', StringValue: 'x' }]);
    const message = { QueueUrl, MessageBody: 'x', MessageAttributes: Object.fromEntries(attributes) };
    return client.send(new SendMessageCommand(message));
  };
  await send(10);
  await expect(send(11)).rejects.toThrow('exceeds the allowed maximum [10]');
  client.destroy();
});

describe('with a fake nats-server on the PATH', () => {
  let folder: string;
  let env: { PATH: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'throughline-fake-nats-'));
    env = { PATH: `${folder}:/bin:/usr/bin` };
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function fakeNats(script: string): Promise<void> {
    await writeFile(join(folder, 'nats-server'), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, 'nats-server'), 0o755);
  }

  it('that ends at once, its last words are in the error', async () => {
    await fakeNats('echo "flag provided but not defined: -js" >&2; exit 1');
    await expect(startNats({ env })).rejects.toThrow(/ended \(code 1\) before it served:\nflag provided but not/);
  });

  it('whose port is taken, another port is tried, three times in all', async () => {
    const tries = join(folder, 'tries');
    await fakeNats(`echo "$4" >> ${tries}; echo "listen tcp: bind: address already in use" >&2; exit 1`);
    await expect(startNats({ env })).rejects.toThrow('address already in use');
    const ports = execFileSync('cat', [tries], { encoding: 'utf8' }).trim().split('\n');
    expect(new Set(ports).size).toBe(3);
  });
});

describe('Chromium', () => {
  it('is that of CHROME_PATH when that is set', async () => {
    await expect(findChromium({ env: { CHROME_PATH: '/opt/chrome' } })).resolves.toBe('/opt/chrome');
  });

  it.skipIf(process.platform === 'darwin')('that is missing is an error that names the ways out', async () => {
    const env = withoutAny;
    await expect(findChromium({ env })).rejects.toThrow(/not installed \(apt-get install chromium, or CHROME_PATH=/);
    const availability = await serverAvailability('chromium', { env });
    expect(availability).toMatchObject({ missing: true, note: expect.stringContaining('CHROME_PATH=') });
    const required = serverAvailability('chromium', { env: { ...env, REQUIRE_SERVERS: '1' } });
    await expect(required).rejects.toThrow('REQUIRE_SERVERS is set');
  });
});

/** What is there of a server: its process, its folder, and every process that was started with that in its arguments or environment. */
function leftOf(pid: number | undefined, folder: string | undefined): string[] {
  const processes = execFileSync('ps', ['axeww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const related = processes.split('\n').filter((line) => folder !== undefined && line.includes(folder));
  return [
    ...(isRunning(pid) ? [String(pid)] : []),
    ...(existsSync(folder ?? '') ? [folder ?? ''] : []),
    ...related.map((line) => line.slice(0, 200)),
  ];
}

/** The ports that a process listens on, from what the kernel of Linux says. */
function portsOf(pid: number | undefined): number[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  const sockets = ['tcp', 'tcp6'].flatMap((family) => readFileSync(`/proc/net/${family}`, 'utf8').trim().split('\n'));
  return sockets.flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const listens = state === '0A' && descriptors.includes(`socket:[${inode}]`);
    return listens ? Number.parseInt(local?.split(':')[1] ?? '', 16) : [];
  });
}

function otherAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flat()
    .flatMap((address) => (address && !address.internal && address.family === 'IPv4' ? address.address : []));
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('connect', () => resolve(socket.destroy() !== undefined)).on('error', () => resolve(false));
  });
}
