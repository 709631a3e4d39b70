import assert from 'node:assert/strict';
import http from 'node:http';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { adapterContract, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, Opening } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceContext } from '../src/hono/index.ts';
import { traceHandler } from '../src/index.ts';
import type { WebHandler } from '../src/index.ts';
import { serveWeb } from './serve.ts';
import type { Answer } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

type Arrivals = Map<string, Arrival>;

function fail(): never {
  throw new Error('an option failed');
}

const common: Omit<AdapterHarness, 'name' | 'inbound'> = {
  transport: 'http',
  carrier: 'http',
  telemetry: { spans: () => telemetry.spans(), reset: () => telemetry.reset(), hops: () => telemetry.hops() },
  throwing: { ignore: { ignore: fail }, route: { route: fail } },
};

/** A web handler, served on a socket by `@hono/node-server`. */
function served(name: string, handlerOf: (arrivals: Arrivals, opening: Opening) => WebHandler): AdapterHarness {
  return {
    ...common,
    name,
    inbound: {
      async open(opening) {
        const arrivals: Arrivals = new Map();
        const { port, settled, close } = await serveWeb(handlerOf(arrivals, opening));
        return {
          async deliver(arrival) {
            const path = `/${arrivals.size}`;
            arrivals.set(path, arrival);
            const answer = await get(port, path, arrival.fields as readonly [string, string][]);
            await settled();
            return { failed: answer.status >= 400, value: answer, atOnce: false };
          },
          close,
        };
      },
      cannot: { types: 'a header is text', results: 'a handler answers by a Response' },
      refused({ value }) {
        const { status, headers, body } = value as Answer;
        const problem = JSON.parse(body) as { type: string };
        assert.equal(status, problem.type.endsWith(':deadline') ? 504 : 508);
        assert.equal(headers['content-type'], 'application/problem+json');
      },
      failure: {
        errorType: /./,
        assert: ({ value }) => assert.equal((value as Answer).status, 500),
      },
    },
  };
}

const hono = served('Hono', (arrivals, { options, twice }) => {
  const app = new Hono();
  app.use('*', traceContext(options));
  if (twice) app.use('*', traceContext(options));
  app.get('/:id', async (c) => {
    try {
      await arrivals.get(c.req.path)?.handle();
    } catch (error) {
      // To Hono, what is no Error is thrown on, and its servers have their say.
      throw error instanceof Error ? error : new Error('a handler failed');
    }
    return c.text('done');
  });
  app.onError((_error, c) => c.text('failed', 500));
  return app.fetch;
});

const plain = served('a function of the request', (arrivals, { options, twice }) => {
  const handler = async (request: Request): Promise<Response> => {
    await arrivals.get(new URL(request.url).pathname)?.handle();
    return new Response('done');
  };
  const traced = traceHandler(handler, options);
  return twice ? traceHandler(traced, options) : traced;
});

const called: AdapterHarness = {
  ...common,
  name: 'a handler that is called, as Next.js does',
  inbound: {
    open({ options, twice }) {
      const arrivals: Arrivals = new Map();
      const handler = async (request: Request): Promise<Response> => {
        await arrivals.get(new URL(request.url).pathname)?.handle();
        return new Response('done');
      };
      const once = traceHandler(handler, options);
      const traced = twice ? traceHandler(once, options) : once;
      return {
        async deliver(arrival) {
          const path = `/${arrivals.size}`;
          arrivals.set(path, arrival);
          const headers = new Headers(arrival.fields as [string, string][]);
          return outcomeOf(() => traced(new Request(`http://planner.internal${path}`, { headers })));
        },
      };
    },
    cannot: { types: 'a header is text', results: 'a handler answers by a Response' },
    refused({ value }) {
      assert.match(String((value as Response).status), /^50[48]$/);
    },
  },
};

const functions: AdapterHarness = {
  ...common,
  name: 'functions',
  functions: {
    wrap: (fn, options) => traceHandler(fn as unknown as WebHandler, options) as unknown as typeof fn,
    args: () => [new Request('http://planner.internal/plan')],
  },
};

/** Asks with these headers as they are, repeated ones too. */
function get(port: number, path: string, headers: readonly (readonly [string, string])[]): Promise<Answer> {
  const raw = [['host', 'localhost'], ...headers] as unknown as http.OutgoingHttpHeaders;
  return context.with(ROOT_CONTEXT, () => {
    const request = http.get({ host: '127.0.0.1', port, path, headers: raw, agent: false });
    return new Promise<Answer>((resolve, reject) => {
      request.on('error', reject).on('response', async (response) => {
        let body = '';
        for await (const chunk of response.setEncoding('utf8')) body += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
  });
}

describe.each([hono, plain, called, functions])('$name', (harness) => {
  for (const { name, run } of adapterContract(harness)) it(name, run);
});
