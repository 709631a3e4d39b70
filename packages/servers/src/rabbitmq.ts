/** RabbitMQ: one node with its own cookie, and its own epmd in the foreground instead of the daemon of the machine. */
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { ask } from './answer.ts';
import { findOnPath } from './on-path.ts';
import type { Kind } from './kind.ts';
import { untilServing, type Prepared } from './own.ts';

/** `AMQP` and the version 0-9-1. https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, section 4.2.2 */
const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const FRAME_END = 0xce;

export const rabbitmq: Kind = {
  name: 'RabbitMQ',
  variable: 'AMQP_URL',
  scheme: 'amqp',
  port: 5672,
  image: 'rabbitmq:4',
  packageName: 'rabbitmq-server',
  async find(env) {
    // Package managers put it into `sbin`, which not every user's PATH has.
    const found = await findOnPath('rabbitmq-server', withSbin(env));
    if (found === undefined) return 'rabbitmq-server is not installed';
    const epmd = await findOnPath('epmd', env);
    if (epmd === undefined) return 'rabbitmq-server is installed, but epmd (Erlang) is not on the PATH';
    const command = await unwrapped(found);
    return {
      name: 'RabbitMQ',
      prefix: 'throughline-rabbitmq-',
      ports: 3,
      prepare: async ({ supervised, folder, ports: [port = 0, distPort = 0, epmdPort = 0] }): Promise<Prepared> => {
        const node = `throughline-${port}@`;
        const at = (name: string): string => join(folder, name);
        await mkdir(at('home'));
        await writeFile(at('rabbitmq.conf'), configuration(port));
        await writeFile(at('enabled_plugins'), '[].\n');
        const erlang = { ...env, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1', HOME: at('home') };
        // Erlang would start a daemon, which outlives everybody. Where one listens already it does not.
        const ownEpmd = await supervised.start({ command: epmd, args: [], env: erlang });
        await untilServing('epmd', ownEpmd, async () => (await epmdNames(epmdPort)) !== undefined);
        return {
          program: {
            command,
            args: [],
            env: {
              ...erlang,
              RABBITMQ_NODENAME: `${node}localhost`,
              RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
              RABBITMQ_NODE_PORT: String(port),
              RABBITMQ_DIST_PORT: String(distPort),
              RABBITMQ_MNESIA_BASE: at('data'),
              RABBITMQ_LOG_BASE: at('log'),
              RABBITMQ_LOGS: '-',
              RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
              RABBITMQ_ADVANCED_CONFIG_FILE: at('none.config'),
              RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
              RABBITMQ_CONF_ENV_FILE: at('none.conf'),
              RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
              // The script then becomes Erlang instead of waiting for it: a signal reaches the broker itself.
              RUNNING_UNDER_SYSTEMD: 'true',
            },
          },
          serves: async () => (await connectionStart('127.0.0.1', port))?.includes(node) ?? false,
        };
      },
    };
  },
  answers: async (host, port) => (await connectionStart(host, port)) !== undefined,
};

function withSbin(env: Readonly<Record<string, string | undefined>>): { PATH: string } {
  const folders = (env['PATH'] ?? '').split(delimiter);
  const beside = folders.filter((folder) => basename(folder) === 'bin').map((folder) => join(dirname(folder), 'sbin'));
  return { PATH: [...folders, ...beside].join(delimiter) };
}

/** Debian's command becomes the user `rabbitmq`, whose files are not ours; the real one is beside it. */
async function unwrapped(command: string): Promise<string> {
  const script = await realpath(command);
  return basename(script) === 'rabbitmq-script-wrapper' ? join(dirname(script), 'rabbitmq-server') : command;
}

function configuration(port: number): string {
  return Object.entries({
    'listeners.tcp.default': `127.0.0.1:${port}`,
    'log.console': true,
    'log.console.level': 'warning',
    'log.file': false,
    // A full disk is no matter for tests, and the default is more than some machines have.
    'disk_free_limit.absolute': '1MB',
  })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** The first frame of the server, which names its cluster after its node, with the full name of the host. */
async function connectionStart(host: string, port: number): Promise<Buffer | undefined> {
  const answer = await ask(host, port, { say: PROTOCOL_HEADER, complete: (bytes) => bytes.at(-1) === FRAME_END });
  // A method frame on channel 0 with Connection.Start (10, 10).
  return answer?.[0] === 1 && answer.readUInt32BE(7) === 0x000a_000a ? answer : undefined;
}

/** `NAMES_REQ`. https://www.erlang.org/doc/apps/erts/erl_dist_protocol#get-all-registered-names-from-epmd */
function epmdNames(port: number): Promise<Buffer | undefined> {
  return ask('127.0.0.1', port, { say: Buffer.from([0, 1, 110]), complete: (bytes) => bytes.length >= 4 });
}
