import { setTimeout as after } from 'node:timers/promises';
import { kafka, rabbit, redis } from './brokers.ts';
import { python, pythonCommand } from './programs.ts';
import type { Recipe, Recipes } from './recipe.ts';
import type { Stage } from './stage.ts';

type Environment = Readonly<Record<string, string>>;

const inPython = (file: string, ...args: string[]) => python(file, args);

async function served(stage: Stage, service: string, program: ReturnType<typeof python>, env: Environment = {}) {
  const port = await stage.port();
  const running = await stage.start(service, program, { PORT: `${port}`, ...env });
  return { url: `http://127.0.0.1:${port}`, port, running };
}

const post = (url: string): Promise<Response> => fetch(url, { method: 'POST' });

/** A task of Celery, and what comes of it. */
function task(path: string, settle: number): Recipe {
  return {
    make: async (stage) => {
      const { url } = await served(stage, 'library', inPython('library.py'));
      const env = { REDIS: await redis(stage), LIBRARY: url };
      const worker = ['-A', 'tasks', 'worker', '--pool', 'prefork', '-c', '2', '-l', 'ERROR', '--without-mingle'];
      const gateway = await served(stage, 'gateway', inPython('celery_gateway.py'), env);
      await post(`${gateway.url}${path}`);
      const running = await stage.start('worker', pythonCommand('celery', worker), {
        ...env,
        PORT: new URL(env.REDIS).port,
      });
      await after(settle);
      await running.stop();
    },
  };
}

async function confluent(stage: Stage, how: 'one' | 'batch', count: number): Promise<void> {
  const { url } = await served(stage, 'library', inPython('library.py'));
  const env = { KAFKA: await kafka(stage), TOPIC: stage.name, LIBRARY: url };
  const gateway = await served(stage, 'gateway', inPython('confluent_loop.py', 'gateway'), env);
  await post(`${gateway.url}/order?count=${count}`);
  await stage.start('worker', inPython('confluent_loop.py', how), env);
  await stage.sees('"GET /search"', how === 'one' ? count : 1);
}

/** Queues, gRPC and MCP in Python. */
export const messages: Recipes = {
  'celery-retried-until-well': task('/flaky', 4000),
  'celery-chord': task('/report', 4000),
  'celery-worker-killed': task('/deadly', 6000),
  'aio-pika-two-queues': {
    make: async (stage) => {
      const { url } = await served(stage, 'library', inPython('library.py'));
      const env = { RABBIT: await rabbit(stage), LIBRARY: url };
      await stage.start('billing', inPython('rabbit.py', 'billing'), env);
      await stage.start('shipping', inPython('rabbit.py', 'shipping'), env);
      const gateway = await served(stage, 'gateway', inPython('rabbit.py', 'gateway'), env);
      for (let nth = 0; nth < 2; nth++) await post(`${gateway.url}/order`);
      await after(1000);
    },
    form: 'protobuf-json',
  },
  'pika-worker-on-b3': {
    make: async (stage) => {
      const env = { RABBIT: await rabbit(stage) };
      await stage.start('worker', inPython('pika_loop.py', 'worker'), { ...env, OTEL_PROPAGATORS: 'b3' });
      const gateway = await served(stage, 'gateway', inPython('pika_loop.py', 'gateway'), env);
      for (let nth = 0; nth < 3; nth++) await post(`${gateway.url}/report`);
      await after(1000);
    },
  },
  'confluent-kafka-python-loop': { make: (stage) => confluent(stage, 'one', 3) },
  'confluent-kafka-python-batch-unlinked': { make: (stage) => confluent(stage, 'batch', 5) },
  'grpc-python-stream': grpc(),
  'grpc-python-on-b3': grpc({ OTEL_PROPAGATORS: 'b3' }),
  'mcp-python-http': {
    make: async (stage) => {
      const { url } = await served(stage, 'library', inPython('library.py'));
      const env = { LIBRARY: url };
      const tools = await served(stage, 'tools', inPython('mcp_agent.py', 'tools'), env);
      const agent = await served(stage, 'agent', inPython('mcp_agent.py', 'agent'), {
        ...env,
        TOOLS: `${tools.url}/mcp`,
      });
      await (await fetch(`${agent.url}/ask?q=owls`)).text();
    },
  },
};

function grpc(env: Environment = {}): Recipe {
  return {
    make: async (stage) => {
      const { port } = await served(stage, 'library', inPython('grpc_chain.py', 'library'), env);
      const library = { LIBRARY: `127.0.0.1:${port}` };
      const gateway = await served(stage, 'gateway', inPython('grpc_chain.py', 'gateway'), library);
      for (let nth = 0; nth < 2; nth++) await (await fetch(`${gateway.url}/ask`)).text();
    },
  };
}
