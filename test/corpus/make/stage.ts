import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { written } from './exported.ts';
import type { Form } from './exported.ts';
import type { Start } from './programs.ts';
import { startReceiver } from './receiver.ts';

type Environment = Readonly<Record<string, string>>;

/** A process of a recipe. */
export interface Running {
  /** Asks it to end, and resolves when it has; spans are flushed then. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<void>;
}

/** Where a recipe plays: a receiver of spans, and processes that export to it. */
export interface Stage {
  /** For topics and queues. */
  readonly name: string;
  /** Where spans go. */
  readonly receiver: string;
  port(): Promise<number>;
  /** Starts a service, and resolves when it takes connections at its `PORT`, or has said `ready` where it has none. */
  start(service: string, program: Start, env?: Environment): Promise<Running>;
  /** Runs a program to its end. */
  run(service: string, program: Start, env?: Environment): Promise<void>;
  /** Resolves when what was exported holds a text so many times. */
  sees(text: string, times: number): Promise<void>;
  /** Takes in spans that something else has collected, as OTLP/JSON. */
  add(spans: string): void;
  /** Ends with the stage, after all processes. */
  onClose(stop: () => Promise<void>): void;
  close(): Promise<void>;
  exported(form: Form): string;
}

const LONG = 300_000;

/** Opens a stage. Its processes are stopped when it is closed, the last started first. */
export async function openStage(name: string): Promise<Stage> {
  const receiver = await startReceiver();
  const running: Running[] = [];
  const closing: (() => Promise<void>)[] = [];
  const added: string[] = [];

  const launch = (service: string, { command, args, cwd }: Start, env: Environment): ChildProcess =>
    spawn(command, args, {
      cwd,
      env: {
        ...process.env,
        OTEL_SERVICE_NAME: service,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_BSP_SCHEDULE_DELAY: '200',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        PYTHONUNBUFFERED: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  const handle = (child: ChildProcess): Running => {
    const ended = once(child, 'exit').then(() => undefined);
    const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await Promise.race([ended, after(15_000, undefined, { ref: false }).then(() => child.kill('SIGKILL'))]);
    };
    return { ended, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  };

  return {
    name,
    receiver: receiver.url,
    port: freePort,
    start: async (service, program, env = {}) => {
      const child = launch(service, program, env);
      const one = handle(child);
      running.push(one);
      const died = one.ended.then(() => {
        throw new Error(`${service} ended before it was ready`);
      });
      died.catch(() => undefined);
      const ready = env['PORT'] === undefined ? saysReady(child) : listens(Number(env['PORT']));
      if (env['PORT'] !== undefined) child.stdout?.resume();
      await Promise.race([
        ready,
        died,
        after(LONG, undefined, { ref: false }).then(() => Promise.reject(new Error(`${service} is not ready`))),
      ]);
      return one;
    },
    run: async (service, program, env = {}) => {
      const child = launch(service, program, env);
      child.stdout?.resume();
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${service} ended with ${code}`);
    },
    sees: async (text, times) => {
      const until = Date.now() + LONG;
      while (receiver.exports.join('').split(text).length <= times) {
        if (Date.now() > until) throw new Error(`${text} was not exported ${times} times`);
        await after(100);
      }
    },
    add: (spans) => added.push(spans),
    onClose: (stop) => closing.push(stop),
    close: async () => {
      for (const one of running.toReversed()) await one.stop();
      for (const stop of closing) await stop();
      receiver.close();
    },
    exported: (form) => written([...receiver.exports, ...added], form),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when somebody listens there. */
export async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await after(50);
  }
}

function saysReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('ready')) resolve();
    });
  });
}
