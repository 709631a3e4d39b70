/**
 * The places where AsyncLocalStorage, and with it every OpenTelemetry context manager, loses context. Each test shows the
 * loss first, then what keeps the context. The README has the same list.
 */
import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindAsyncIterable, bindEmitter, extractFields, injectFields, traceEnv } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const key = createContextKey('where');
const where = (): unknown => context.active().getValue(key);
const at = <T>(name: string, fn: () => T): T => context.with(ROOT_CONTEXT.setValue(key, name), fn);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function all(iterable: AsyncIterable<unknown>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of iterable) values.push(value);
  return values;
}

async function* answer(): AsyncGenerator {
  yield where();
  await turn();
  yield where();
}

describe('async generators', () => {
  it('one that is made in a request and consumed elsewhere: bindAsyncIterable', async () => {
    const lost = at('request', () => answer());
    expect(await at('writer', () => all(lost))).toEqual(['writer', 'writer']);
    const kept = at('request', () => bindAsyncIterable(answer()));
    expect(await at('writer', () => all(kept))).toEqual(['request', 'request']);
  });

  it('one that several consumers take turns at: bindAsyncIterable', async () => {
    const turns = async (generator: AsyncGenerator): Promise<unknown[]> => {
      const first = await at('first', () => generator.next());
      const second = await at('second', () => generator.next());
      return [first.value, second.value];
    };
    expect(await turns(at('request', () => answer()))).toEqual(['first', 'second']);
    expect(await turns(at('request', () => bindAsyncIterable(answer())))).toEqual(['request', 'request']);
  });
});

describe('event emitters', () => {
  it('a listener runs where the event is emitted: bindEmitter', () => {
    const bus = new EventEmitter();
    const seen: Record<string, unknown> = {};
    at('request', () => {
      bus.on('x', () => (seen['lost'] = where()));
      bindEmitter(bus).on('x', () => (seen['kept'] = where()));
    });
    at('emitter', () => bus.emit('x'));
    expect(seen).toEqual({ lost: 'emitter', kept: 'request' });
  });

  it('a shared emitter that `context.bind` has bound stays in the first request: bindEmitter', () => {
    const run = (bind: (bus: EventEmitter) => EventEmitter): unknown[] => {
      const bus = new EventEmitter();
      const seen: unknown[] = [];
      for (const request of ['first', 'second']) at(request, () => bind(bus).on('x', () => seen.push(where())));
      bus.emit('x');
      return seen;
    };
    expect(run((bus) => context.bind(context.active(), bus))).toEqual(['first', 'first']);
    expect(run((bus) => bindEmitter(bus))).toEqual(['first', 'second']);
  });

  it('a listener of an EventTarget, such as an AbortSignal, runs where it is dispatched: context.bind of the listener', () => {
    const stop = new AbortController();
    const seen: Record<string, unknown> = {};
    at('request', () => {
      stop.signal.addEventListener('abort', () => (seen['lost'] = where()));
      const listener = (): unknown => (seen['kept'] = where());
      stop.signal.addEventListener('abort', context.bind(context.active(), listener));
    });
    at('stopper', () => stop.abort());
    expect(seen).toEqual({ lost: 'stopper', kept: 'request' });
  });
});

describe('streams', () => {
  it('a `data` listener runs where the chunk is pushed: bindEmitter', async () => {
    const seen: Record<string, unknown> = {};
    const stream = new Readable({ read() {} });
    at('request', () => {
      stream.on('data', () => (seen['lost'] = where()));
      bindEmitter(stream).on('data', () => (seen['kept'] = where()));
      stream.resume();
    });
    await turn();
    at('socket', () => stream.push('x'));
    expect(seen).toEqual({ lost: 'socket', kept: 'request' });
  });

  it('a Readable from an async generator runs it where it is read: bindAsyncIterable', async () => {
    const lost = at('request', () => Readable.from(answer()));
    expect(await at('writer', () => all(lost))).toEqual(['writer', 'writer']);
    const kept = at('request', () => Readable.from(bindAsyncIterable(answer())));
    expect(await at('writer', () => all(kept))).toEqual(['request', 'request']);
  });

  it('the callback of a Transform runs for a chunk where an earlier one was written: context.bind of the callback', async () => {
    const run = async (bind: <F extends (...args: never[]) => void>(fn: F) => F): Promise<unknown[]> => {
      const seen: unknown[] = [];
      const stream = at(
        'request',
        () =>
          new Transform({
            transform: bind((chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void) => {
              seen.push(where());
              setImmediate(done, null, chunk);
            }),
          }),
      );
      stream.resume();
      at('first', () => stream.write('1'));
      at('second', () => stream.end('2'));
      await once(stream, 'end');
      return seen;
    };
    expect(await run((fn) => fn)).toEqual(['first', 'first']);
    expect(await run((fn) => context.bind(context.active(), fn))).toEqual(['request', 'request']);
  });

  it('a stage of a pipeline that is made elsewhere: bindAsyncIterable', async () => {
    const run = async (bind: (stage: AsyncGenerator) => AsyncGenerator): Promise<unknown[]> => {
      const seen: unknown[] = [];
      async function* stage(source: AsyncIterable<unknown>): AsyncGenerator {
        for await (const chunk of source) {
          seen.push(where());
          yield chunk;
        }
      }
      const source = new PassThrough();
      const made = at('request', () => bind(stage(source)));
      const sent = at('writer', () => pipeline(made, new PassThrough().resume()));
      source.end('x');
      await sent;
      return seen;
    };
    expect(await run((stage) => stage)).toEqual(['writer']);
    expect(await run((stage) => bindAsyncIterable(stage))).toEqual(['request']);
  });

  it('the body of `for await` keeps its context by itself', async () => {
    const stream = new PassThrough();
    const body = at('request', async () => {
      for await (const _ of stream) expect(where()).toBe('request');
      return where();
    });
    await turn();
    at('socket', () => stream.end('x'));
    expect(await body).toBe('request');
  });
});

describe('custom thenables', () => {
  // As query builders are: the work starts with `then`, and the callback is called by whoever has the result.
  class Query {
    static readonly waiting: (() => void)[] = [];
    started: unknown;
    // oxlint-disable-next-line unicorn/no-thenable -- what the test is about
    then(done: (value: unknown) => void): void {
      this.started = where();
      Query.waiting.push(() => done(undefined));
    }
    static answer(): void {
      for (const done of Query.waiting.splice(0)) at('socket', done);
    }
  }

  it('a callback given to `then` runs where the result comes in: await it, or context.bind of the callback', async () => {
    const seen: Record<string, unknown> = {};
    at('request', () => {
      new Query().then(() => (seen['lost'] = where()));
      new Query().then(context.bind(context.active(), () => (seen['kept'] = where())));
    });
    const awaited = at('request', async () => {
      await new Query();
      return where();
    });
    await turn();
    Query.answer();
    expect(seen).toEqual({ lost: 'socket', kept: 'request' });
    expect(await awaited).toBe('request');
  });

  it('one that starts its work in `then` starts where it is awaited: context.bind of its `then`', async () => {
    const run = async (bind: (query: Query) => void): Promise<unknown> => {
      const query = new Query();
      at('request', () => bind(query));
      const awaited = at('elsewhere', async () => await query);
      await turn();
      Query.answer();
      await awaited;
      return query.started;
    };
    expect(await run(() => {})).toBe('elsewhere');
    // oxlint-disable-next-line unicorn/no-thenable -- what the test is about
    expect(await run((query) => (query.then = context.bind(context.active(), query.then)))).toBe('request');
  });
});

describe('callback pools and queues', () => {
  it('a callback runs where the queue is drained: context.bind of the callback', () => {
    const queue: (() => void)[] = [];
    const seen: Record<string, unknown> = {};
    at('request', () => {
      queue.push(() => (seen['lost'] = where()));
      queue.push(context.bind(context.active(), () => (seen['kept'] = where())));
    });
    at('drainer', () => queue.forEach((job) => job()));
    expect(seen).toEqual({ lost: 'drainer', kept: 'request' });
  });

  it('a job that is data runs where the queue is drained: injectFields, extractFields', () => {
    const queue: object[] = [];
    inSpan('request', () => queue.push({ page: 1 }, injectFields({ page: 1 })));
    const spans = at('drainer', () =>
      queue.map((job) => context.with(extractFields(job), () => trace.getSpanContext(context.active())?.spanId)),
    );
    expect(spans).toEqual([undefined, telemetry.find('request').spanContext().spanId]);
  });
});

describe('worker threads', () => {
  it('neither workerData nor a message brings context along: injectFields, extractFields', async () => {
    const worker = inSpan('worker', () => {
      const script = new URL('./child/worker.ts', import.meta.url);
      return new Worker(script, { workerData: injectFields({ pages: 7 }) });
    });
    const lost = {};
    const [atStart] = (await once(worker, 'message')) as [unknown];
    expect(atStart).toEqual({ without: lost, with: keptIn('worker') });
    const answered = once(worker, 'message');
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    inSpan('task', () => worker.postMessage(injectFields({ page: 1 })));
    const [atMessage] = (await answered) as [unknown];
    expect(atMessage).toEqual({ without: lost, with: keptIn('task') });
    await worker.terminate();
  });

  it("a listener for a worker's answers runs outside of the request: bindEmitter", async () => {
    const worker = new Worker('require("node:worker_threads").parentPort.postMessage(1)', { eval: true });
    const seen: Record<string, unknown> = {};
    at('request', () => {
      worker.on('message', () => (seen['lost'] = where()));
      bindEmitter(worker).on('message', () => (seen['kept'] = where()));
    });
    await once(worker, 'exit');
    expect(seen).toEqual({ lost: undefined, kept: 'request' });
  });
});

describe('MessagePort', () => {
  it("a `message` event runs outside of the sender's context: injectFields, extractFields", async () => {
    const { port1, port2 } = new MessageChannel();
    const received: unknown[] = [];
    port1.on('message', (task: unknown) => received.push(trace.getSpanContext(context.active()), extractFields(task)));
    const arrived = once(port1, 'message');
    inSpan('post', () => port2.postMessage(injectFields({ page: 1 })));
    await arrived;
    const [lost, kept] = received as [unknown, typeof ROOT_CONTEXT];
    expect(lost).toBeUndefined();
    expect(trace.getSpanContext(kept)?.spanId).toBe(telemetry.find('post').spanContext().spanId);
    port1.close();
  });

  it("a `message` event runs outside of the listener's context: context.bind of the listener", async () => {
    const { port1, port2 } = new MessageChannel();
    const seen: Record<string, unknown> = {};
    at('request', () => {
      port1.on('message', () => (seen['lost'] = where()));
      port1.on(
        'message',
        context.bind(context.active(), () => (seen['kept'] = where())),
      );
    });
    const arrived = once(port1, 'message');
    port2.postMessage(1);
    await arrived;
    expect(seen).toEqual({ lost: undefined, kept: 'request' });
    port1.close();
  });
});

describe('child processes', () => {
  it('the environment of a child process names no trace: traceEnv, contextFromEnv', async () => {
    const run = promisify(execFile);
    const script = new URL('./child/startup.ts', import.meta.url).pathname;
    const [lost, kept] = await Promise.all(
      inSpan('spawn', () => [
        run(process.execPath, [script]),
        run(process.execPath, [script], { env: traceEnv(process.env, { firstParty: true }) }),
      ]),
    );
    const { traceId, spanId } = telemetry.find('spawn').spanContext();
    expect(JSON.parse(lost?.stdout ?? '')).toEqual({ traceId: expect.not.stringContaining(traceId) as string });
    expect(JSON.parse(kept?.stdout ?? '')).toEqual({ traceId, parentSpanId: spanId, tenant: 'blue' });
  });
});

function inSpan<T>(name: string, fn: () => T): T {
  const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
  return trace.getTracer('test').startActiveSpan(name, (span) => {
    try {
      return context.with(propagation.setBaggage(context.active(), baggage), fn);
    } finally {
      span.end();
    }
  });
}

function keptIn(name: string): unknown {
  return { spanId: telemetry.find(name).spanContext().spanId, tenant: 'blue' };
}
