import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Call, Field, Sent } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceFetch } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';
import { startEchoServer } from './echo-server.ts';
import type { EchoServer } from './echo-server.ts';
import { lines } from './undici-lines.ts';

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

const throughFetch: AdapterHarness = {
  name: 'traceFetch',
  transport: 'http',
  carrier: 'http',
  telemetry: sdk,
  outbound: {
    open: ({ options, twice }) => ({
      send: (call) =>
        calling((url) => {
          const own = (...args: Parameters<typeof fetch>): unknown =>
            call.instead === undefined ? fetch(...args).then((response) => response.text()) : call.instead();
          const once = traceFetch(own as typeof fetch, options);
          return (twice ? traceFetch(once, options) : once)(url, headersOf(call));
        }),
    }),
    cannot: { types: 'fetch makes text of what is no text' },
  },
  functions: {
    wrap: (fn, options) => traceFetch(fn as unknown as typeof fetch, options) as unknown as typeof fn,
    args: () => [server.origin],
  },
};

const throughUndici = ({ name, undici }: (typeof lines)[number]): AdapterHarness => {
  const agent = new undici.Agent();
  return {
    name: `traceInterceptor, ${name}`,
    transport: 'http',
    carrier: 'http',
    telemetry: sdk,
    outbound: {
      open: ({ options }) => ({
        send: (call) => {
          // Composed first, so that it is below: it stands for the connection.
          const failing = agent.compose((dispatch) => (given, handler) => {
            if (call.instead === undefined) return dispatch(given, handler);
            call.instead();
            return true;
          });
          const dispatcher = failing.compose(traceInterceptor(options));
          return calling(async (url) => {
            const { body } = await undici.request(url, { dispatcher, ...headersOf(call) });
            return body.text();
          });
        },
      }),
      cannot: {
        types: 'undici refuses what is no text',
        results: 'a dispatch returns whether the dispatcher takes more',
        failures: 'undici destroys the body of a request with what a dispatch throws, and takes errors alone',
        twice: 'composed twice it makes a span for each, as the order of interceptors asks',
      },
    },
  };
};

for (const harness of [throughFetch, ...lines.map(throughUndici)]) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}
