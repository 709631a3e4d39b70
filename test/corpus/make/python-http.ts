import { setTimeout as after } from 'node:timers/promises';
import { nginx } from './brokers.ts';
import { python } from './programs.ts';
import type { Recipe, Recipes } from './recipe.ts';
import type { Stage } from './stage.ts';

type Environment = Readonly<Record<string, string>>;

const inPython = (file: string, ...args: string[]) => python(file, args);

/** Starts the library, and returns its address. */
async function library(stage: Stage, env: Environment = {}): Promise<string> {
  const port = await stage.port();
  await stage.start('library', inPython('library.py'), { PORT: `${port}`, ...env });
  return `http://127.0.0.1:${port}`;
}

/** Starts a gateway that calls others, and returns its address. */
async function gateway(stage: Stage, program: ReturnType<typeof python>, env: Environment): Promise<string> {
  const port = await stage.port();
  await stage.start('gateway', program, { PORT: `${port}`, ...env });
  return `http://127.0.0.1:${port}`;
}

const PAUSE = 150;

async function get(...urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    await (await fetch(url)).text();
    await after(PAUSE);
  }
}

/** A gateway of this program before the library, and requests to it one after the other. */
function before(program: () => ReturnType<typeof python>, paths: readonly string[], env: Environment = {}): Recipe {
  return {
    make: async (stage) => {
      const url = await gateway(stage, program(), { LIBRARY: await library(stage), ...env });
      await get(...paths.map((path) => `${url}${path}`));
    },
  };
}

const asks = (count: number): string[] => Array.from({ length: count }, (_, nth) => `/ask?q=${nth}`);

/** HTTP between services in Python. */
export const http: Recipes = {
  'fastapi-background-steps': {
    make: async (stage) => {
      const url = await gateway(stage, inPython('steps.py'), { LIBRARY: await library(stage) });
      await fetch(`${url}/report`, { method: 'POST' });
      await after(2000);
      for (let nth = 0; nth < 3; nth++) {
        await get(`${url}/ask`);
        await after(700);
      }
    },
  },
  'python-thread-pool': {
    make: async (stage) => {
      const url = await gateway(stage, inPython('thread_pool.py', 'bare'), { LIBRARY: await library(stage) });
      await get(...asks(5).map((path) => `${url}${path}`));
    },
  },
  'python-thread-pool-carried': before(() => inPython('thread_pool.py', 'carried'), asks(3)),
  'python-leaked-context': before(() => inPython('leaked_context.py'), asks(5)),
  'requests-redirected': before(() => inPython('calls.py'), ['/moved', '/moved']),
  'requests-retried-below-one-span': before(() => inPython('calls.py'), ['/retried?key=a', '/retried?key=b']),
  'requests-until-done': before(() => inPython('calls.py'), ['/waited?job=report']),
  'aiohttp-gave-up-and-asked-again': before(() => inPython('impatient.py'), ['/ask']),
  'httpx-client-spans-dropped': before(() => inPython('no_client_spans.py'), asks(3)),
  'requests-b3-against-w3c': before(() => inPython('calls.py'), asks(3), { OTEL_PROPAGATORS: 'b3' }),
  'fastapi-edge-sampled': before(() => inPython('calls.py'), asks(12), {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  }),
  'fastapi-leaf-sampled': {
    make: async (stage) => {
      const sampler = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
      const url = await gateway(stage, inPython('calls.py'), { LIBRARY: await library(stage, sampler) });
      await get(...asks(16).map((path) => `${url}${path}`));
    },
  },
  'nginx-drops-headers': {
    make: async (stage) => {
      const url = await library(stage);
      const port = await nginx(
        stage,
        () => `location /api/ { proxy_set_header traceparent ""; proxy_set_header tracestate ""; proxy_pass ${url}/; }`,
      );
      const asked = await gateway(stage, inPython('calls.py'), { LIBRARY: `http://127.0.0.1:${port}/api` });
      await get(...asks(5).map((path) => `${asked}${path}`));
    },
  },
  'nginx-relays': {
    make: async (stage) => {
      const url = await library(stage);
      const port = await nginx(stage, () => `location /api/ { proxy_pass ${url}/; }`);
      const asked = await gateway(stage, inPython('calls.py'), { LIBRARY: `http://127.0.0.1:${port}/api` });
      await get(...asks(3).map((path) => `${asked}${path}`));
    },
  },
  'nginx-answers-from-cache': {
    make: async (stage) => {
      const url = await library(stage);
      const port = await nginx(stage, () => `location / { proxy_cache pages; proxy_pass ${url}; }`);
      const asked = await gateway(stage, inPython('calls.py'), { LIBRARY: `http://127.0.0.1:${port}` });
      const pages = ['a', 'b', 'a', 'b', 'a', 'c', 'a', 'b', 'c', 'd'];
      await get(...pages.map((name) => `${asked}/page?name=${name}`));
    },
  },
  'flask-own-middleware-beside': {
    make: async (stage) => {
      const port = await stage.port();
      await stage.start('planner', inPython('two_middlewares.py'), { PORT: `${port}` });
      const url = await gateway(stage, inPython('calls.py'), { LIBRARY: `http://127.0.0.1:${port}` });
      await get(...asks(2).map((path) => `${url}${path}`));
    },
  },
  'fastapi-webhook': {
    make: async (stage) => {
      const [planner, port] = [await stage.port(), await stage.port()];
      const other = { OTHER: `http://127.0.0.1:${port}`, PORT: `${planner}` };
      await stage.start('planner', inPython('webhook.py', 'planner'), other);
      const own = { OTHER: `http://127.0.0.1:${planner}`, PORT: `${port}` };
      await stage.start('gateway', inPython('webhook.py', 'gateway'), own);
      await fetch(`http://127.0.0.1:${port}/ask`, { method: 'POST' });
      await after(1000);
    },
  },
  'fastapi-services-without-a-name': {
    make: async (stage) => {
      const none = { OTEL_SERVICE_NAME: '' };
      const url = await gateway(stage, inPython('calls.py'), { LIBRARY: await library(stage, none), ...none });
      await get(...asks(3).map((path) => `${url}${path}`));
    },
    form: 'one',
  },
  'fastapi-edge-asks-twice': {
    make: async (stage) => {
      const url = await gateway(stage, inPython('calls.py'), { LIBRARY: await library(stage) });
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await Promise.all(asks(2).map((path) => fetch(`${url}${path}`, { headers: { traceparent } })));
    },
    form: 'protobuf-json',
  },
  'fastapi-trace-id-of-session': {
    make: async (stage) => {
      const url = await gateway(stage, inPython('session_ids.py'), { LIBRARY: await library(stage) });
      for (const path of asks(4)) await fetch(`${url}${path}`, { headers: { 'x-session': 'of-ada' } });
    },
  },
  'workflow-ids-by-name': { make: (stage) => stage.run('workflow', inPython('workflow_ids.py')), form: 'one' },
};
