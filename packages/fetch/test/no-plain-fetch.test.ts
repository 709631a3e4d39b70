import { runInNewContext } from 'node:vm';
import { SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import got from 'got';
import ky from 'ky';
import { createFetch, ofetch } from 'ofetch';
import { fetch as undiciFetch } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { traceFetch } from '../src/index.ts';
import { sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

let telemetry: Telemetry;
let server: EchoServer;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

/** A request that starts when somebody asks for its result, as those of query builders do. */
class LazyRequest {
  started = 0;
  readonly #url: string;
  constructor(url: string) {
    this.#url = url;
  }
  // oxlint-disable-next-line unicorn/no-thenable -- what the test is about
  then<T>(answered: (response: Response) => T, failed?: (error: unknown) => T): Promise<T> {
    this.started++;
    return globalThis.fetch(this.#url).then(answered, failed);
  }
  async json(): Promise<Echo> {
    return (await this.then((response) => response.json())) as Echo;
  }
}
const lazy = (url: string): LazyRequest => new LazyRequest(url);

test('a client that is no plain fetch is refused at compile time', () => {
  const refused = [
    // @ts-expect-error -- "Give the client a traced fetch instead"
    () => traceFetch(ky),
    // @ts-expect-error -- its methods would be untraced
    () => traceFetch(ofetch),
    // @ts-expect-error -- `got` makes its own requests
    () => traceFetch(got),
    // @ts-expect-error -- so does axios
    () => traceFetch(axios),
    // @ts-expect-error -- what comes out has members that a promise lacks
    () => traceFetch(lazy),
    // @ts-expect-error -- also with methods alone
    () => traceFetch(Object.assign(async (_url: string) => new Response(), { get: async () => new Response() })),
  ];
  expect(refused).toHaveLength(6);
});

test('a plain fetch keeps its type, with what belongs to it', () => {
  expectTypeOf(traceFetch()).toEqualTypeOf<typeof globalThis.fetch>();
  expectTypeOf(traceFetch(undiciFetch)).toEqualTypeOf<typeof undiciFetch>();
  expectTypeOf(traceFetch(globalThis.fetch as typeof globalThis.fetch | undefined)).toEqualTypeOf<
    typeof globalThis.fetch
  >();
  const mock = traceFetch(vi.fn(async (_url: string) => new Response('mocked')));
  expectTypeOf(mock('http://x/')).toEqualTypeOf<Promise<Response>>();
  const preconnecting = Object.assign(async (_url: string) => new Response(), { preconnect: () => true });
  expectTypeOf(traceFetch(preconnecting)).toEqualTypeOf<typeof preconnecting>();
  expectTypeOf(traceFetch((_url: string) => 7)('http://x/')).toEqualTypeOf<number>();
  expectTypeOf(traceFetch((_url: string): PromiseLike<Response> => lazy('http://x/') as never)).returns.toEqualTypeOf<
    PromiseLike<Response>
  >();
});

describe('a traced fetch inside', () => {
  test.each([
    ['ky', (url: string) => ky.create({ fetch: traceFetch() }).get(url).json<Echo>()],
    ['ofetch', (url: string) => createFetch({ fetch: traceFetch() })<Echo>(url)],
  ])('%s: every method is traced', async (_, ask) => {
    const echo = await ask(`${server.origin}/plan`);
    const span = telemetry.find('GET');
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(span.spanContext().spanId)]);
    expect(span.attributes['http.response.status_code']).toBe(200);
  });
});

describe('what comes through without the types', () => {
  const untyped = (fetch: unknown): typeof lazy =>
    traceFetch(fetch as typeof globalThis.fetch) as unknown as typeof lazy;

  test('a lazy request is one of its class, is not started, and its span ends when its result is there', async () => {
    const result = untyped(lazy)(`${server.origin}/plan`);
    expect(result).toBeInstanceOf(LazyRequest);
    expect([result.started, telemetry.spans().length]).toEqual([0, 0]);
    await result;
    expect(result.started).toBe(1);
    expect(telemetry.find('GET').attributes['http.response.status_code']).toBe(200);
  });

  test('a lazy request that is asked for something else runs as ever, and its span ends then', async () => {
    const result = untyped(lazy)(`${server.origin}/plan`);
    expect((await result.json()).url).toBe('/plan');
    expect(result.started).toBe(1);
    expect(telemetry.find('GET').status.code).toBe(SpanStatusCode.UNSET);
    expect(telemetry.find('GET').attributes).not.toHaveProperty('http.response.status_code');
  });

  test('a promise with methods of its own keeps them', async () => {
    const echo = await untyped(ky)(`${server.origin}/plan`).json();
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(telemetry.find('GET').spanContext().spanId)]);
  });

  test('a subclass of Promise keeps its class', async () => {
    class Cancelable<T> extends Promise<T> {
      cancel(): string {
        return 'cancelled';
      }
    }
    const result = untyped((_url: string) => Cancelable.resolve(new Response()))('http://x/') as unknown;
    expect(result).toBeInstanceOf(Cancelable);
    expect((result as Cancelable<unknown>).cancel()).toBe('cancelled');
  });
});

test('a promise of another realm is a plain one: Jest runs its tests in a realm of their own', async () => {
  const ask = runInNewContext('async () => ({ status: 503 })') as typeof globalThis.fetch;
  expect(await traceFetch(ask)('http://x/')).toEqual({ status: 503 });
  expect(telemetry.find('GET').attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' });
});

test('a failure that nobody handles is still reported', async () => {
  const mine = new Error('nobody handles it');
  const reported = new Promise<unknown>((resolve) => process.prependOnceListener('unhandledRejection', resolve));
  const others = process.listeners('unhandledRejection').slice(1);
  for (const listener of others) process.off('unhandledRejection', listener);
  void traceFetch((_url: string): Promise<Response> => Promise.reject(mine))('http://x/');
  expect(await reported).toBe(mine);
  for (const listener of others) process.on('unhandledRejection', listener);
});
