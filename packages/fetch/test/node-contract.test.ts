import http from 'node:http';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Call, Field, Outcome, Sent } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import type { AxiosAdapter } from 'axios';
import got from 'got';
import got14 from 'got14';
import { strict as assert } from 'node:assert';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceAgent, traceAxios, traceGot, traceHttp } from '../src/node.ts';
import { startEchoServer } from './echo-server.ts';
import type { EchoServer } from './echo-server.ts';
import { textOf } from './responses.ts';

let telemetry: Telemetry;
let server: EchoServer;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

const sdk: AdapterHarness['telemetry'] = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

let calls = 0;
/** Makes a call of the server by a path of its own, and returns with what it came to what the server saw of it. */
async function calling(call: (url: string) => unknown): Promise<Sent> {
  const path = `/call/${calls++}`;
  const outcome = await outcomeOf(() => call(server.origin + path));
  const echo = server.seen.find(({ url }) => url === path);
  const raw = echo?.rawHeaders ?? [];
  const wire = raw.flatMap((name, at): Field[] => (at % 2 === 0 ? [[name, raw[at + 1]]] : []));
  return { outcome, wire: echo && wire };
}

const headersOf = ({ fields }: Call) => deepFreeze(fields && { headers: fields as Record<string, string> });

type Request = (url: string, options: http.RequestOptions) => http.ClientRequest;

const throughHttp: AdapterHarness = {
  name: 'traceHttp',
  transport: 'http',
  carrier: 'http',
  telemetry: sdk,
  outbound: {
    open: ({ options, twice }) => ({
      send: (call) =>
        calling((url) => {
          const library = call.instead === undefined ? http : { request: call.instead as unknown as Request };
          const once = traceHttp(library as typeof http, options);
          const request = (twice ? traceHttp(once, options) : once).request(url, { ...headersOf(call) });
          return call.instead === undefined ? textOf(request.end()) : request;
        }),
    }),
    cannot: { types: 'Node makes text of what is no text, or throws' },
  },
  objects: {
    method: 'request',
    library: () => ({
      request: (options: http.RequestOptions) => http.request(options),
    }),
    wrap: (object, options) => traceHttp(object as unknown as typeof http, options) as unknown as typeof object,
    use: (object, method) => textOf((object[method] as unknown as Request)(server.origin, {}).end()),
  },
};

const throughAgent: AdapterHarness = {
  name: 'traceAgent',
  transport: 'http',
  carrier: 'http',
  telemetry: sdk,
  outbound: {
    open: ({ options, twice }) => ({
      send: (call) =>
        calling((url) => {
          const once = traceAgent(new http.Agent(), options);
          const agent = twice ? traceAgent(once, options) : once;
          return textOf(http.request(url, { agent, ...headersOf(call) }).end());
        }),
    }),
    cannot: {
      types: 'Node makes text of what is no text, or throws',
      results: 'an agent returns nothing',
      failures: 'an agent fails by an event of the request',
    },
  },
};

const failing = (call: Call): { adapter?: AxiosAdapter } =>
  call.instead === undefined ? {} : { adapter: call.instead as unknown as AxiosAdapter };

const throughAxios: AdapterHarness = {
  name: 'traceAxios',
  transport: 'http',
  carrier: 'http',
  telemetry: sdk,
  outbound: {
    open: ({ options, twice }) => {
      const once = traceAxios(axios.create(), options);
      const client = twice ? traceAxios(once, options) : once;
      return { send: (call) => calling((url) => client.get(url, { ...headersOf(call), ...failing(call) })) };
    },
    cannot: {
      types: 'axios makes text of what is no text',
      results: 'axios makes a response of its own of what its adapter returns',
      failures: 'axios reads and adds to what its adapter fails with',
    },
  },
};

const throughGot = (line: string, library: typeof got): AdapterHarness => ({
  name: `traceGot, ${line}`,
  transport: 'http',
  carrier: 'http',
  telemetry: sdk,
  outbound: {
    open: ({ options, twice }) => {
      const once = traceGot(library, options);
      const client = twice ? traceGot(once, options) : once;
      return { send: (call) => calling((url) => client(url, { ...headersOf(call), retry: { limit: 0 } }).text()) };
    },
    refused({ failed, value }: Outcome) {
      assert.equal(failed, true);
      assert.equal((value as { code?: unknown }).code, 'ERR_THROUGHLINE_REFUSED');
    },
    cannot: {
      types: 'got refuses what is no text',
      'letter case': 'got writes all names in lower case',
      results: 'got makes a response of its own of what a request function returns',
      failures: 'got wraps what a request function throws',
    },
  },
});

for (const harness of [
  throughHttp,
  throughAgent,
  throughAxios,
  throughGot('newest', got),
  throughGot('14', got14 as unknown as typeof got),
]) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}
