/** NATS with JetStream, in one process. */
import { join } from 'node:path';
import { ask } from './answer.ts';
import { findOnPath } from './on-path.ts';
import type { Kind } from './kind.ts';

export const nats: Kind = {
  name: 'NATS',
  variable: 'NATS_URL',
  scheme: 'nats',
  port: 4222,
  image: 'nats:2 -js',
  packageName: 'nats-server',
  async find(env) {
    const command = await findOnPath('nats-server', env);
    if (command === undefined) return 'nats-server is not installed';
    return {
      name: 'NATS',
      prefix: 'throughline-nats-',
      ports: 1,
      prepare: async ({ folder, ports: [port = 0] }) => {
        const name = `throughline-${process.pid}-${port}`;
        return {
          program: {
            command,
            args: ['-a', '127.0.0.1', '-p', String(port), '-n', name, '-js', '-sd', join(folder, 'data')],
            env,
          },
          serves: async () => (await greeting('127.0.0.1', port))?.includes(`"server_name":"${name}"`) ?? false,
        };
      },
    };
  },
  answers: async (host, port) => (await greeting(host, port)) !== undefined,
};

/** What a NATS server says first: `INFO {…}`. https://docs.nats.io/reference/reference-protocols/nats-protocol#info */
async function greeting(host: string, port: number): Promise<string | undefined> {
  const answer = (await ask(host, port, { complete: (bytes) => bytes.includes('\r\n') }))?.toString();
  return answer?.startsWith('INFO ') ? answer : undefined;
}
