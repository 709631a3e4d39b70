import assert from 'node:assert/strict';
import http from 'node:http';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { adapterContract } from '@throughline/core/testing';
import type { AdapterHarness, Arrival } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fastify from 'fastify';
import { afterAll, beforeAll, it } from 'vitest';
import { traceContext } from '../src/index.ts';
import { serve } from './serve.ts';
import type { Answer } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const fail = (): never => {
  throw new Error('an option of the adapter throws');
};

const harness: AdapterHarness = {
  name: 'Fastify',
  transport: 'http',
  carrier: 'http',
  telemetry: { spans: () => telemetry.spans(), reset: () => telemetry.reset(), hops: () => telemetry.hops() },
  inbound: {
    async open({ options, twice }) {
      const arrivals = new Map<string, Arrival>();
      const app = fastify();
      await app.register(traceContext, options);
      if (twice) await app.register(traceContext, options);
      app.get('/:id', async ({ url }, reply) => {
        await arrivals.get(url)?.handle();
        return reply.send('');
      });
      // Where a handler fails with what is no error at all, Fastify makes one.
      app.setErrorHandler((_error, _request, reply) => reply.code(500).send(''));
      const { port, settled, close } = await serve(app);
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
    cannot: {
      types: 'a header is text',
      results: 'a handler answers by the reply',
    },
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
  throwing: { ignore: { ignore: fail }, route: { route: fail } },
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

for (const { name, run } of adapterContract(harness)) it(name, run);
