import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { openStage } from '@throughline/example-stand-ins';
import { formatOtlpJson } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { kafka } from './brokers.ts';
import { workspace } from './programs.ts';
import type { Recipe, Recipes } from './recipe.ts';
import type { Stage } from './stage.ts';

const example = (name: string): URL => new URL(`../../../examples/${name}`, import.meta.url);

/** An example of this repository, which collects its spans by itself. */
function run(spansOf: (stage: Stage) => Promise<readonly CollectedSpan[]>): Recipe {
  return { make: async (stage) => stage.add(formatOtlpJson(await spansOf(stage))), form: 'one' };
}

/** Agents of a framework, each asked once. */
function framework(name: string, agents: readonly string[], env: Readonly<Record<string, string>> = {}): Recipe {
  return {
    make: async (stage) => {
      const desk = await openStage({ service: example(`${name}/src/service.ts`), env });
      for (const agent of agents) await desk.ask(agent, agent === 'team' ? 'delegate: owls' : 'owls');
      stage.add(formatOtlpJson((await desk.close()).spans));
    },
    form: 'one',
  };
}

/** A host that knows nothing of traces, and the programs that it starts over stdio. */
function hosted(...programs: readonly string[]): Recipe {
  return {
    make: async (stage) => {
      const args = programs.map((program) => fileURLToPath(example(`mcp-hosts/src/${program}.ts`)));
      const [first = '', ...rest] = args;
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: stage.receiver };
      const behind = rest.flatMap((program) => [process.execPath, program]);
      const client = new Client({ name: 'host', version: '1.0.0' });
      await client.connect(new StdioClientTransport({ command: process.execPath, args: [first, ...behind], env }));
      for (const query of ['owls', 'larks']) await client.callTool({ name: 'search', arguments: { query } });
      await client.close();
    },
  };
}

async function agent(stage: Stage, service: string, next: readonly string[], kind = 'agent'): Promise<string> {
  const port = await stage.port();
  await stage.start(service, workspace('agent.ts', [kind]), { PORT: `${port}`, NEXT: next.join(' ') });
  return `http://127.0.0.1:${port}/ask`;
}

function vectorsOf(words: number): Record<string, number[]> {
  const vector = (word: number): number[] => Array.from({ length: 8 }, (_, at) => Math.sin(word * 8 + at));
  return Object.fromEntries(Array.from({ length: words }, (_, word) => [`word-${word}`, vector(word)]));
}

/** Throughline's own adapters: the examples of this repository, and agents of frameworks. */
export const ours: Recipes = {
  'ours-outbox': run(async (stage) => {
    const { runOutbox } = await import('../../../examples/outbox/src/run.ts');
    return runOutbox([await kafka(stage)]);
  }),
  'ours-kafka-retries': run(async (stage) => {
    const { runRetries } = await import('../../../examples/kafka-retry/src/run.ts');
    return runRetries([await kafka(stage)]);
  }),
  'ours-scheduled-job': run(async () => {
    const { runSchedule } = await import('../../../examples/scheduled-job/src/run.ts');
    return runSchedule();
  }),
  'ours-approval-killed': run(async () => {
    const { tellStory } = await import('../../../examples/approval/src/approval.ts');
    return (await tellStory()).spans;
  }),
  'ours-a2a-three-bindings': run(async () => {
    const { tellStory } = await import('../../../examples/a2a/src/desk.ts');
    return (await tellStory(1)).spans;
  }),
  'ai-sdk-agents': framework('ai-sdk', ['stdio', 'team'], { AI_SDK_OTEL: '1' }),
  'langchain-agents': framework('langchain', ['stdio', 'http']),
  'mastra-agents': framework('mastra', ['stdio', 'http']),
  'openai-agents': framework('openai-agents', ['stdio', 'http']),
  'mcp-host-behind-proxy': hosted('proxy', 'server'),
  'mcp-host-untraced': hosted('server'),
  'agents-stale-baggage': {
    make: async (stage) => {
      const writer = await agent(stage, 'writer', []);
      const relay = await agent(stage, 'relay', [writer], 'relay');
      const critic = await agent(stage, 'critic', [relay]);
      const editor = await agent(stage, 'editor', [critic]);
      const planner = await agent(stage, 'planner', [relay, editor]);
      const gateway = await agent(stage, 'gateway', [planner]);
      for (const q of ['a', 'b']) await (await fetch(`${gateway}?q=${q}`)).text();
    },
  },
  'embedders-one-without-room': {
    make: async (stage) => {
      const models = mkdtempSync(join(tmpdir(), 'models-'));
      stage.onClose(async () => rmSync(models, { recursive: true }));
      for (const language of ['en', 'de'])
        writeFileSync(join(models, `${language}.json`), JSON.stringify(vectorsOf(20_000)));
      for (const room of ['last', 'all', 'all', 'all']) {
        const port = await stage.port();
        await stage.start('embedder', workspace('embedder.ts', [room]), { PORT: `${port}`, MODELS: models });
        for (let nth = 0; nth < 8; nth++) {
          const language = nth % 2 === 0 ? 'en' : 'de';
          await (await fetch(`http://127.0.0.1:${port}/embed/${language}?q=word-${nth}`)).text();
        }
      }
    },
  },
  'agents-conversation-of-three-turns': {
    make: async (stage) => {
      const planner = await agent(stage, 'planner', []);
      const gateway = await agent(stage, 'gateway', [planner]);
      const headers = { baggage: 'gen_ai.conversation.id=owls-and-larks' };
      for (const q of ['a', 'b', 'c']) await (await fetch(`${gateway}?q=${q}`, { headers })).text();
    },
  },
};
