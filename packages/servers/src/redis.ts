/** Redis that keeps what it has acknowledged. */
import { ask } from './answer.ts';
import { findOnPath } from './on-path.ts';
import type { Kind } from './kind.ts';

export const redis: Kind = {
  name: 'Redis',
  variable: 'REDIS_URL',
  scheme: 'redis',
  port: 6379,
  image: 'redis:8 redis-server --maxmemory-policy noeviction',
  packageName: 'redis-server',
  async find(env) {
    const command = (await findOnPath('redis-server', env)) ?? (await findOnPath('valkey-server', env));
    if (command === undefined) return 'redis-server is not installed';
    return {
      name: 'Redis',
      prefix: 'throughline-redis-',
      ports: 1,
      prepare: async ({ folder, ports: [port = 0] }) => ({
        program: {
          command,
          args: Object.entries({
            bind: '127.0.0.1',
            port,
            dir: folder,
            // Every write is on the disk before it is acknowledged, so that a kill loses nothing.
            appendonly: 'yes',
            appendfsync: 'always',
            save: '',
            // What BullMQ asks for.
            'maxmemory-policy': 'noeviction',
          }).flatMap(([option, value]) => [`--${option}`, String(value)]),
          env,
        },
        serves: async ({ pid }) => {
          // While it reads its data it answers both, INFO with `loading:1`.
          const info = await ask('127.0.0.1', port, { say: 'INFO\r\nPING\r\n', complete: (a) => a.includes('+PONG') });
          return info?.includes(`process_id:${pid}\r\n`) ?? false;
        },
      }),
    };
  },
  // One that wants a password answers with an error, and serves all the same.
  answers: async (host, port) => {
    const answer = await ask(host, port, { say: 'PING\r\n', complete: (bytes) => bytes.includes('\r\n') });
    return answer !== undefined && /^[+-](?!LOADING)/.test(answer.toString('latin1'));
  },
};
