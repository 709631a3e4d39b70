import { Readable } from 'node:stream';
import { context as contextApi, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { callModel, runAgent, runTool } from '../src/index.ts';
import type { AgentOptions } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => (telemetry = startTelemetry()));
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const activeSpanId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;
const ended = (name: string): boolean => telemetry.spans().some((span) => span.name === name);
const key = createContextKey('reader');

async function* numbers(
  upTo: number,
  seen?: (string | undefined)[],
  done?: () => void,
): AsyncGenerator<number, string> {
  try {
    for (let n = 1; n <= upTo; n++) {
      await Promise.resolve();
      seen?.push(activeSpanId());
      yield n;
    }
    return 'all';
  } finally {
    done?.();
  }
}

function webNumbers(upTo: number, cancelled?: (reason: unknown) => void): ReadableStream<number> {
  let n = 0;
  return new ReadableStream<number>({
    pull: (controller) => (n < upTo ? controller.enqueue(++n) : controller.close()),
    cancel: (reason) => cancelled?.(reason),
  });
}

const steps = [
  ['invoke_agent a', <T>(fn: () => T, options?: AgentOptions) => runAgent('a', options, fn)],
  ['execute_tool t', <T>(fn: () => T, options?: AgentOptions) => runTool('t', options, fn)],
  ['chat m', <T>(fn: () => T, options?: AgentOptions) => callModel({ model: 'm' }, options, fn)],
] as const;

describe.each(steps)('%s', (name, run) => {
  it('ends with its stream, whose body runs in it, whoever reads', async () => {
    const seen: (string | undefined)[] = [];
    const stream = run(() => numbers(3, seen));
    expect(ended(name)).toBe(false);
    const read: unknown[] = [];
    await contextApi.with(ROOT_CONTEXT.setValue(key, 1), async () => {
      for await (const n of stream) read.push([n, contextApi.active().getValue(key), activeSpanId()]);
    });
    expect(read).toEqual([1, 2, 3].map((n) => [n, 1, undefined]));
    const { spanId } = telemetry.find(name).spanContext();
    expect(seen).toEqual([spanId, spanId, spanId]);
    expect(telemetry.find(name).attributes).not.toHaveProperty('throughline.stream.ended');
  });

  it('keeps what a generator returns', async () => {
    const stream = run(() => numbers(1));
    expect([await stream.next(), await stream.next()]).toEqual([
      { done: false, value: 1 },
      { done: true, value: 'all' },
    ]);
    expect(ended(name)).toBe(true);
  });

  it.each(['break', 'throw'] as const)(
    'ends when its reader leaves by %s, and lets the generator clean up',
    async (how) => {
      const cleanUp = vi.fn<() => void>();
      const stream = run(() => numbers(9, undefined, cleanUp));
      const error = new Error('reader');
      const reading = (async () => {
        for await (const n of stream) {
          if (n < 2) continue;
          if (how === 'break') break;
          throw error;
        }
      })();
      expect(await reading.catch((thrown: unknown) => thrown)).toBe(how === 'break' ? undefined : error);
      expect(cleanUp).toHaveBeenCalledTimes(1);
      expect(telemetry.find(name).attributes['throughline.stream.ended']).toBe('left');
      expect(telemetry.find(name).status.code).toBe(0);
    },
  );

  it('ends when `throw` is called on the stream', async () => {
    const stream = run(() => numbers(9));
    await stream.next();
    const error = new Error('thrown in');
    await expect(stream.throw(error)).rejects.toBe(error);
    expect(telemetry.find(name).status.code).toBe(2);
  });

  it('fails with the stream, by the same object', async () => {
    const error = new Error('broken');
    const stream = run(async function* () {
      yield 1;
      throw error;
    });
    const reading = (async () => {
      for await (const _ of stream);
    })();
    await expect(reading).rejects.toBe(error);
    expect(telemetry.find(name).status.code).toBe(2);
  });

  it('ends with a stream that is promised', async () => {
    const stream = await run(async () => numbers(2));
    expect(ended(name)).toBe(false);
    for await (const _ of stream);
    expect(ended(name)).toBe(true);
  });

  it('ends with a web stream, and with one that is cancelled', async () => {
    const read: number[] = [];
    for await (const n of run(() => webNumbers(3))) read.push(n);
    expect(read).toEqual([1, 2, 3]);
    expect(ended(name)).toBe(true);
    await telemetry.reset();
    const cancelled = vi.fn<(reason: unknown) => void>();
    const stream = run(() => webNumbers(3, cancelled));
    expect(stream).toBeInstanceOf(ReadableStream);
    await stream.cancel('enough');
    expect(cancelled).toHaveBeenCalledWith('enough');
    expect(telemetry.find(name).attributes['throughline.stream.ended']).toBe('left');
  });

  it('ends with a stream of Node, which keeps its type', async () => {
    const stream = run(() => Readable.from(['a', 'b']));
    expect(stream).toBeInstanceOf(Readable);
    const read: unknown[] = [];
    for await (const piece of stream) read.push(piece);
    expect(read).toEqual(['a', 'b']);
    expect(ended(name)).toBe(true);
  });

  it('ends at its limit where nobody reads on, marked so', async () => {
    const stream = run(() => numbers(9), { abandonMs: 20 });
    await stream.next();
    await vi.waitFor(() => expect(ended(name)).toBe(true), { timeout: 20_000 });
    expect(telemetry.find(name).attributes['throughline.stream.ended']).toBe('abandoned');
    // It is the reader's all the same.
    expect(await stream.next()).toEqual({ done: false, value: 2 });
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('does not end at that limit where a chunk is waited for', async () => {
    let arrive = (): void => {};
    const stream = run(
      async function* () {
        await new Promise<void>((resolve) => (arrive = resolve));
        yield 1;
      },
      { abandonMs: 10 },
    );
    const next = stream.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(ended(name)).toBe(false);
    arrive();
    await next;
    await stream.return(undefined);
  });

  it('gives back a stream that somebody reads already', async () => {
    const locked = webNumbers(1);
    locked.getReader();
    expect(run(() => locked)).toBe(locked);
    expect(ended(name)).toBe(true);
  });

  it('leaks no context into what comes after', async () => {
    const before = contextApi.active();
    for await (const _ of run(() => numbers(2)));
    expect(contextApi.active()).toBe(before);
    expect(activeSpanId()).toBeUndefined();
  });
});
