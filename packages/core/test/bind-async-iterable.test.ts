import { Readable } from 'node:stream';
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { bindAsyncIterable } from '@throughline/core';
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

/** Tells where each part of its body runs, and what it was given. */
async function* body(seen: unknown[] = []): AsyncGenerator<unknown, string, string | undefined> {
  try {
    seen.push(where());
    await turn();
    seen.push(where());
    const given = yield where();
    seen.push(given, where());
    yield where();
    return 'done';
  } finally {
    seen.push(`finally ${String(where())}`);
  }
}

describe('bindAsyncIterable', () => {
  it('every part of a generator runs where it was bound, and the consumer stays where it is', async () => {
    const seen: unknown[] = [];
    const bound = at('maker', () => bindAsyncIterable(body(seen)));
    await at('consumer', async () => {
      for await (const value of bound) {
        expect(value).toBe('maker');
        expect(where()).toBe('consumer');
      }
      expect(where()).toBe('consumer');
    });
    expect(seen).toEqual(['maker', 'maker', undefined, 'maker', 'finally maker']);
  });

  it('keeps the shape of a generator: values in, values out, the result, throw and return', async () => {
    const generator = body();
    const bound = at('maker', () => bindAsyncIterable(generator));
    expectTypeOf(bound).toEqualTypeOf<AsyncGenerator<unknown, string, string | undefined>>();
    expect(Object.prototype.toString.call(bound)).toBe('[object AsyncGenerator]');
    expect(bound[Symbol.asyncIterator]()).toBe(bound);
    await bound.next('ignored');
    await bound.next('given');
    expect(await bound.next('x')).toEqual({ done: true, value: 'done' });

    const seen: unknown[] = [];
    const thrown = at('maker', () => bindAsyncIterable(body(seen)));
    const error = new Error('stop');
    await thrown.next('');
    await expect(at('consumer', () => thrown.throw(error))).rejects.toBe(error);
    expect(seen.at(-1)).toBe('finally maker');

    const returned = at('maker', () => bindAsyncIterable(body(seen)));
    await returned.next('');
    expect(await at('consumer', () => returned.return('early'))).toEqual({ done: true, value: 'early' });
    expect(seen.at(-1)).toBe('finally maker');
  });

  it('leaving a loop early runs `finally` where it was bound', async () => {
    const seen: unknown[] = [];
    const bound = at('maker', () => bindAsyncIterable(body(seen)));
    await at('consumer', async () => {
      for await (const _ of bound) break;
    });
    expect(seen.at(-1)).toBe('finally maker');
  });

  it('takes a context', async () => {
    const bound = bindAsyncIterable(body(), ROOT_CONTEXT.setValue(key, 'given'));
    expect((await at('consumer', () => bound.next(''))).value).toBe('given');
  });

  it('binds each iterator of an iterable that makes many, and keeps what else it has', async () => {
    class Answer {
      readonly #text = 'yes';
      async *[Symbol.asyncIterator](): AsyncGenerator {
        yield [where(), this.#text];
      }
      text(): string {
        return this.#text;
      }
    }
    const bound = at('maker', () => bindAsyncIterable(new Answer()));
    expect(bound).toBeInstanceOf(Answer);
    expect(bound.text()).toBe('yes');
    for (let round = 0; round < 2; round++) {
      await at('consumer', async () => {
        for await (const value of bound) expect(value).toEqual(['maker', 'yes']);
      });
    }
  });

  it('takes frozen iterables, and iterators without return and throw', async () => {
    const frozen = Object.freeze({
      [Symbol.asyncIterator]: () => Object.freeze({ next: async () => ({ done: true as const, value: where() }) }),
    });
    const iterator = at('maker', () => bindAsyncIterable(frozen))[Symbol.asyncIterator]();
    expect('return' in iterator).toBe(false);
    expect(await at('consumer', () => iterator.next())).toEqual({ done: true, value: 'maker' });
  });

  it('a Readable stays one', async () => {
    const bound = at('maker', () => bindAsyncIterable(Readable.from(['a', 'b'])));
    expect(bound).toBeInstanceOf(Readable);
    const read: unknown[] = [];
    for await (const value of bound) read.push(value);
    expect(read).toEqual(['a', 'b']);
    expect(bound.destroyed).toBe(true);
  });

  it('what is no async iterable is told at once', () => {
    for (const wrong of [undefined, null, 7, [1], body]) {
      expect(() => bindAsyncIterable(wrong as never)).toThrow(/`bindAsyncIterable` takes/);
    }
  });
});
