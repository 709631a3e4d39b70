import { setTimeout as after } from 'node:timers/promises';
import { kafka, rabbit, redis } from './brokers.ts';
import { node } from './programs.ts';
import type { Recipe, Recipes } from './recipe.ts';
import type { Running, Stage } from './stage.ts';

type Line = 'sdk1' | 'sdk2' | 'sdk3';
type Environment = Readonly<Record<string, string>>;

interface Served {
  readonly url: string;
  readonly port: number;
  readonly running: Running;
}

async function served(
  stage: Stage,
  service: string,
  program: ReturnType<typeof node>,
  env: Environment = {},
): Promise<Served> {
  const port = await stage.port();
  const running = await stage.start(service, program, { PORT: `${port}`, ...env });
  return { url: `http://127.0.0.1:${port}`, port, running };
}

/** Starts the library, and returns the environment of who asks it. */
async function library(stage: Stage, line: Line, env: Environment = {}): Promise<Environment> {
  const { url } = await served(stage, 'library', node(line, 'library.cjs', []), env);
  return { NEXT: `${url}/search` };
}

async function get(...urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    // A service that ends in the middle of a request is part of some recipes.
    await fetch(url).then(
      (answer) => answer.text(),
      () => undefined,
    );
  }
}

/** gateway → planner → library, each on a line of its own, asked three times. */
function chain(
  lines: readonly [Line, Line, Line],
  planner: { readonly env?: Environment; readonly args?: readonly string[] },
  leaf: Environment = {},
): Recipe {
  return {
    make: async (stage) => {
      const next = await library(stage, lines[2], leaf);
      const middle = await served(stage, 'planner', node(lines[1], 'gateway.cjs', planner.args ?? []), {
        ...next,
        ...planner.env,
      });
      const gateway = await served(stage, 'gateway', node(lines[0], 'gateway.cjs', []), { NEXT: `${middle.url}/ask` });
      for (let nth = 0; nth < 3; nth++) await get(`${gateway.url}/ask?q=${nth}`);
    },
  };
}

interface Orders {
  readonly gateway: 'plain' | 'shared';
  readonly worker: 'each' | 'batch' | 'beside';
  readonly groups: readonly string[];
  readonly requests?: number;
  readonly env?: Environment;
}

function orders(line: Line, { gateway, worker, groups, requests = 1, env: more = {} }: Orders): Recipe {
  return {
    make: async (stage) => {
      const env = { ...(await library(stage, line)), KAFKA: await kafka(stage), TOPIC: stage.name };
      const shop = await served(stage, 'gateway', node(line, 'kafka.cjs', [gateway]), { ...env, ...more });
      for (let nth = 0; nth < requests; nth++) await fetch(`${shop.url}/order`, { method: 'POST' });
      for (const GROUP of groups) await stage.start(GROUP, node(line, 'kafka.cjs', [worker]), { ...env, GROUP });
      await after(4000);
    },
  };
}

function jobs(path: string): Recipe {
  return {
    make: async (stage) => {
      const env = { ...(await library(stage, 'sdk2')), REDIS: await redis(stage) };
      await stage.start('worker', node('sdk2', 'jobs.cjs', ['worker']), env);
      const gateway = await served(stage, 'gateway', node('sdk2', 'jobs.cjs', ['gateway']), env);
      for (let nth = 0; nth < 2; nth++) await fetch(`${gateway.url}${path}`, { method: 'POST' });
      await after(2000);
    },
  };
}

/** JavaScript on the lines 1, 2 and 3 of OpenTelemetry, and Zipkin's own tracer. */
export const onNode: Recipes = {
  'node-three-lines': chain(['sdk1', 'sdk2', 'sdk3'], {}),
  'node-middle-never-samples': chain(
    ['sdk2', 'sdk2', 'sdk2'],
    { env: { OTEL_TRACES_SAMPLER: 'always_off' } },
    { OTEL_TRACES_SAMPLER: 'always_on' },
  ),
  'node-exit-in-a-request': chain(['sdk2', 'sdk1', 'sdk2'], { args: ['exit'] }),
  'node-answers-from-memory': chain(['sdk3', 'sdk3', 'sdk3'], { args: ['memory'] }),
  'express-stream-left-early': {
    make: async (stage) => {
      const gateway = await served(stage, 'gateway', node('sdk1', 'stream.cjs', []), await library(stage, 'sdk1'));
      const leave = new AbortController();
      setTimeout(() => leave.abort(), 500);
      await fetch(`${gateway.url}/events`, { signal: leave.signal })
        .then((answer) => answer.text())
        .catch(() => undefined);
      await after(3000);
    },
  },
  'express-poller-of-first-request': {
    make: async (stage) => {
      const gateway = await served(stage, 'gateway', node('sdk2', 'lazy_poller.cjs', []), await library(stage, 'sdk2'));
      for (let nth = 0; nth < 4; nth++) {
        await get(`${gateway.url}/latest`);
        await after(700);
      }
    },
  },
  'script-asks-twice': {
    make: async (stage) => stage.run('script', node('sdk3', 'one_shot.cjs', []), await library(stage, 'sdk3')),
  },
  'grpc-node-talk': {
    make: async (stage) => {
      const { port } = await served(stage, 'library', node('sdk1', 'talk.cjs', ['library']));
      const gateway = await served(stage, 'gateway', node('sdk2', 'talk.cjs', ['gateway']), {
        NEXT: `127.0.0.1:${port}`,
      });
      await get(`${gateway.url}/ask`);
      await after(500);
    },
  },
  'kafkajs-two-groups': orders('sdk1', { gateway: 'plain', worker: 'each', groups: ['billing', 'shipping'] }),
  'kafkajs-shared-headers': orders('sdk2', { gateway: 'shared', worker: 'each', groups: ['billing'] }),
  'kafkajs-handler-beside-auto': orders('sdk2', { gateway: 'plain', worker: 'beside', groups: ['billing'] }),
  'kafkajs-batch-links-to-unsampled': orders('sdk3', {
    gateway: 'plain',
    worker: 'batch',
    groups: ['billing'],
    requests: 4,
    env: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' },
  }),
  'amqplib-dead-letters-come-back': {
    make: async (stage) => {
      const env = { ...(await library(stage, 'sdk1')), RABBIT: await rabbit(stage) };
      await stage.start('worker', node('sdk1', 'dead_letter.cjs', ['worker']), env);
      const gateway = await served(stage, 'gateway', node('sdk1', 'dead_letter.cjs', ['gateway']), env);
      await fetch(`${gateway.url}/job`, { method: 'POST' });
      await after(2000);
    },
  },
  'bullmq-flow-retried': jobs('/flow'),
  'bullmq-context-left-out': jobs('/bare'),
  'zipkin-shared-ids': {
    make: async (stage) => {
      const next = await served(stage, 'library', node('sdk2', 'zipkin.cjs', []));
      const gateway = await served(stage, 'gateway', node('sdk2', 'zipkin.cjs', []), { NEXT: next.url });
      await get(`${gateway.url}/search?q=a`, `${gateway.url}/search?q=b`);
      await after(1500);
    },
    form: 'zipkin',
  },
  'mcp-node-http': {
    make: async (stage) => {
      const next = await library(stage, 'sdk3');
      const tools = await served(stage, 'tools', node('sdk3', 'mcp_http.cjs', ['tools']), next);
      const agent = await served(stage, 'agent', node('sdk3', 'mcp_http.cjs', ['agent']), {
        TOOLS: `${tools.url}/mcp`,
      });
      await get(`${agent.url}/ask`);
    },
  },
};
