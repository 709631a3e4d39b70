/** A stage for one example: the model, the tools and the service, each in its place, and everything that they export. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ModelRequest } from '@throughline/model-stand-in';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { startObedientModel } from './model.ts';
import { toolProgram } from './tools.ts';

export interface StageOptions {
  /** The program of the example's service, which calls `serveAgents`. */
  readonly service: URL;
  /** What its environment holds beside. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What came of one question. */
export interface Answer {
  /** The trace that the question was asked in. */
  readonly traceId: string;
  readonly question: string;
  readonly status: number;
  readonly text: string;
}

export interface Stage {
  /** Asks an agent of the service in a trace of the caller's own. */
  ask(agent: string, question: string): Promise<Answer>;
  /** Asks an agent so many questions at once, each in a trace of its own; `about` begins each. */
  askMany(agent: string, count: number, about?: string): Promise<Answer[]>;
  /** What the model provider was sent. */
  readonly modelRequests: readonly ModelRequest[];
  /** Ends all processes, and returns every span that they exported and the end of what the service wrote to standard error. */
  close(): Promise<Closed>;
}

export interface Closed {
  readonly spans: readonly CollectedSpan[];
  readonly stderr: string;
}

const TAIL_CHARACTERS = 20_000;

/** Starts the model, a tool server over HTTP and the service. The service starts the one over stdio by itself. */
export async function openStage({ service, env: more }: StageOptions): Promise<Stage> {
  const collector = await startCollector();
  const model = await startObedientModel();
  const env = { ...inherited(), OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' };
  const tools = await started(toolProgram, ['http'], env);
  const desk = await started(service, [], {
    ...env,
    TOOLS_URL: tools.url,
    MODEL_URL: model.v1,
    OPENAI_BASE_URL: model.v1,
    OPENAI_API_KEY: 'none',
    ...more,
  }).catch(async (error: unknown) => {
    await ended(tools.child);
    throw error;
  });
  const ask = async (agent: string, question: string): Promise<Answer> => {
    const traceId = randomBytes(16).toString('hex');
    const response = await fetch(`${desk.url}/${agent}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
        baggage: 'tenant=blue',
      },
      body: JSON.stringify({ question }),
    });
    return { traceId, question, status: response.status, text: await response.text() };
  };
  return {
    ask,
    askMany: (agent, count, about = '') =>
      Promise.all(Array.from({ length: count }, (_, at) => ask(agent, `${about}question ${at}`))),
    modelRequests: model.requests,
    close: async () => {
      // Who asks goes first: it ends what it started itself.
      await ended(desk.child);
      await ended(tools.child);
      await Promise.all([model.close(), collector.close()]);
      return { spans: collector.spans(), stderr: desk.stderr() };
    },
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly stderr: () => string;
}

async function started(program: URL, args: string[], env: NodeJS.ProcessEnv): Promise<Started> {
  const child = fork(program, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-TAIL_CHARACTERS)));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { readonly url: string }) => resolve(message.url));
    child.once('close', () => reject(new Error(`${program.pathname} ended before it was ready:\n${tail}`)));
  });
  return { child, url, stderr: () => tail };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await closed;
  clearTimeout(late);
}

// Settings of OpenTelemetry that are meant for this process stay here.
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')));
}
