/** SQS as ElasticMQ serves it, queues and messages in a file. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from './answer.ts';
import { ELASTICMQ_JARS, fetchJars, findJars, type Jars } from './jars.ts';
import { findJava } from './java.ts';
import { findOnPath } from './on-path.ts';
import type { Kind } from './kind.ts';

export const sqs: Kind = {
  name: 'SQS',
  variable: 'SQS_ENDPOINT',
  scheme: 'http',
  port: 9324,
  image: 'softwaremill/elasticmq-native',
  packageName: 'default-jre-headless maven',
  async find(env, say) {
    const java = await findJava(env, 'ElasticMQ', 11);
    if (typeof java === 'string') return java;
    if ((await findJars(ELASTICMQ_JARS, env)) === undefined && (await findOnPath('mvn', env)) === undefined) {
      return 'Maven is not installed';
    }
    let jars: Jars;
    try {
      jars = await fetchJars(ELASTICMQ_JARS, env, say);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return {
      name: 'ElasticMQ',
      prefix: 'throughline-sqs-',
      ports: 1,
      prepare: async ({ folder, ports: [port = 0] }) => {
        const temporary = join(folder, 'tmp');
        const config = join(folder, 'elasticmq.conf');
        await mkdir(temporary);
        await writeFile(config, configuration(port, folder));
        let bound = false;
        return {
          program: {
            command: java.command,
            args: [
              '-Xmx512m',
              '-XX:TieredStopAtLevel=1',
              '-XX:+UseSerialGC',
              // What a killed Java leaves in the system's temporary folder.
              '-XX:-UsePerfData',
              `-Djava.io.tmpdir=${temporary}`,
              `-Dconfig.file=${config}`,
              '-cp',
              join(jars.folder, '*'),
              'org.elasticmq.server.Main',
            ],
            env,
            watchFor: 'started in',
            onLine: () => (bound = true),
          },
          // Only its log tells it from another that has taken the port.
          serves: async () => bound && (await listsQueues('127.0.0.1', port)),
        };
      },
    };
  },
  answers: listsQueues,
};

function configuration(port: number, folder: string): string {
  return `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
queues-storage { enabled = true, path = ${JSON.stringify(join(folder, 'queues.conf'))} }
messages-storage { enabled = true, uri = ${JSON.stringify(`jdbc:h2:${join(folder, 'messages')};WRITE_DELAY=0`)} }
`;
}

async function listsQueues(host: string, port: number): Promise<boolean> {
  const say = `GET /?Action=ListQueues HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`;
  const answer = await ask(host, port, { say, complete: (bytes) => bytes.includes('\r\n\r\n') });
  return answer?.toString('latin1').startsWith('HTTP/1.1 ') ?? false;
}
