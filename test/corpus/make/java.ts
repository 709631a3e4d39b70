import { setTimeout as after } from 'node:timers/promises';
import { kafka } from './brokers.ts';
import { java, python } from './programs.ts';
import type { Recipe, Recipes } from './recipe.ts';
import type { Stage } from './stage.ts';

type Environment = Readonly<Record<string, string>>;

async function served(stage: Stage, service: string, program: ReturnType<typeof java>, env: Environment = {}) {
  const port = await stage.port();
  const running = await stage.start(service, program, { PORT: `${port}`, ...env });
  return { url: `http://127.0.0.1:${port}`, running };
}

const library = (stage: Stage) => served(stage, 'library', python('library.py', []));

/** A gateway in Java before the library, asked a few times. */
function asked(program: () => ReturnType<typeof java>, count: number, env: Environment = {}): Recipe {
  return {
    make: async (stage) => {
      const { url } = await library(stage);
      const gateway = await served(stage, 'gateway', program(), { LIBRARY: url, ...env });
      for (let nth = 0; nth < count; nth++) {
        await (await fetch(`${gateway.url}/ask?q=${nth}`)).text();
        await after(150);
      }
    },
  };
}

function shop(agent: '2.20.1' | '1.32.1', options: readonly string[], kill?: 'gateway'): Recipe {
  return {
    make: async (stage) => {
      const { url } = await library(stage);
      const env = { KAFKA: await kafka(stage), TOPIC: stage.name, LIBRARY: url };
      const flush = kill === undefined ? '200' : '60000';
      const gateway = await served(stage, 'gateway', java(agent, 'Shop', ['gateway'], options), {
        ...env,
        OTEL_BSP_SCHEDULE_DELAY: flush,
      });
      await fetch(`${gateway.url}/order`);
      if (kill !== undefined) await gateway.running.kill();
      await stage.start('worker', java(agent, 'Shop', ['worker'], options), env);
      await stage.sees('"GET /search"', 3);
    },
  };
}

/** Java below the agent of OpenTelemetry. */
export const onJava: Recipes = {
  'java-executor': asked(() => java('2.20.1', 'Pool', ['plain'], []), 3),
  'java-executor-bare': asked(
    () => java('2.20.1', 'Pool', ['plain'], ['-Dotel.instrumentation.executors.enabled=false']),
    5,
  ),
  // The library keeps the connection, and the context of its first request with it.
  'java-upgrade-refused-by-uvicorn': asked(() => java('2.20.1', 'Pool', ['upgrade'], []), 4),
  'java-agent-of-2023': asked(() => java('1.32.1', 'Pool', ['plain'], []), 2),
  'java-queue-scope-leaked': asked(() => java('2.20.1', 'Queue', ['leaks'], []), 5),
  'java-queue-thread': asked(() => java('2.20.1', 'Queue', ['closes'], []), 5),
  'java-middle-sampled': {
    make: async (stage) => {
      const { url } = await library(stage);
      const planner = await served(stage, 'planner', java('2.20.1', 'Pool', ['plain'], []), {
        LIBRARY: url,
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.5',
      });
      const gateway = await served(stage, 'gateway', python('calls.py', []), {
        LIBRARY: planner.url,
      });
      for (let nth = 0; nth < 14; nth++) await (await fetch(`${gateway.url}/ask?q=${nth}`)).text();
    },
  },
  'java-kafka-processed-in-pool': shop('2.20.1', []),
  'java-kafka-received-in-batches': shop('2.20.1', [
    '-Dotel.instrumentation.messaging.experimental.receive-telemetry.enabled=true',
  ]),
  'java-kafka-producer-killed': shop('1.32.1', [], 'gateway'),
};
