import type { IncomingHttpHeaders, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { AxiosHeaders } from 'axios';
import type { AxiosRequestConfig, RawAxiosRequestHeaders } from 'axios';
import type { Headers as GotHeaders, OptionsInit } from 'got';
import type { Options as KyOptions } from 'ky';
import type { Dispatcher } from 'undici';
import { expect, expectTypeOf, test } from 'vitest';
import { injectHeaders } from '../src/index.ts';

interface Named {
  readonly accept: string;
  'x-retries'?: number;
}

test('what comes out fits the clients', () => {
  const made = injectHeaders({ accept: 'text/plain' }, 'planner');
  const nothing = injectHeaders();
  const axios: AxiosRequestConfig[] = [{ headers: made }, { headers: nothing }];
  const got: OptionsInit[] = [{ headers: made }, { headers: nothing }];
  const node: RequestOptions[] = [{ headers: made }, { headers: nothing }];
  const undici: Partial<Dispatcher.RequestOptions>[] = [{ headers: made }, { headers: nothing }];
  const fetch: RequestInit[] = [{ headers: made }, { headers: nothing }];
  const ky: KyOptions[] = [{ headers: made }, { headers: nothing }];
  expect([axios, got, node, undici, fetch, ky].flat()).toHaveLength(12);
});

test('what the clients call headers goes in, and fits them when it comes out', () => {
  const axios: AxiosRequestConfig = {};
  const raw: RawAxiosRequestHeaders = { 'x-mine': true };
  axios.headers = injectHeaders(raw, 'planner');
  axios.headers = injectHeaders(new AxiosHeaders({ 'x-mine': '1' }), 'planner');
  expect(axios.headers).toEqual({ 'x-mine': '1' });
  const got: OptionsInit = {};
  got.headers = injectHeaders({ accept: undefined, 'x-mine': ['1', '2'] } as GotHeaders, 'planner');
  const node: RequestOptions = {};
  node.headers = injectHeaders({ 'x-mine': 1, accept: ['a'] } as OutgoingHttpHeaders, 'planner');
  node.headers = injectHeaders({ host: 'x' } as IncomingHttpHeaders, 'planner');
  const init: RequestInit = {};
  init.headers = injectHeaders({ accept: 'a' } as HeadersInit, 'planner');
  init.headers = injectHeaders(init.headers, 'planner');
  expect([axios, got, node, init].every(({ headers }) => headers !== undefined)).toBe(true);
});

test('headers that may be missing go in as well: an option of a caller', () => {
  const options: { headers?: OutgoingHttpHeaders | undefined } = {};
  const node: OutgoingHttpHeaders = injectHeaders(options.headers, 'planner');
  const init: RequestInit = {};
  const fetch: HeadersInit = injectHeaders(init.headers, 'planner');
  expect([node, fetch]).toEqual([{}, {}]);
});

test('the form that goes in is the type that comes out', () => {
  const named: Named = { accept: 'text/plain' };
  const headers = injectHeaders(named);
  expectTypeOf(headers).toEqualTypeOf<Record<string, string | number | undefined>>();
  expectTypeOf(injectHeaders(new Headers())).toEqualTypeOf<Headers>();
  expectTypeOf(injectHeaders([['accept', 'a']])).toEqualTypeOf<[string, string][]>();
  expectTypeOf(injectHeaders({})).toEqualTypeOf<Record<string, string>>();
  expectTypeOf(injectHeaders()).toEqualTypeOf<Record<string, string>>();
  expectTypeOf(injectHeaders({ accept: 'a' })['traceparent']).toEqualTypeOf<string | undefined>();
  // @ts-expect-error -- a text is no headers
  expect(injectHeaders('accept: text/plain')).toBe('accept: text/plain');
});
