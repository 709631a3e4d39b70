import assert from 'node:assert/strict';
import http from 'node:http';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { adapterContract } from '@throughline/core/testing';
import type { AdapterHarness, Arrival } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceContext } from '../src/index.ts';
import { serve, versions } from './serve.ts';
import type { Answer, NextFunction, Request, Response } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

function harnessOf({ name, express }: (typeof versions)[number]): AdapterHarness {
  return {
    name,
    transport: 'http',
    carrier: 'http',
    telemetry: { spans: () => telemetry.spans(), reset: () => telemetry.reset(), hops: () => telemetry.hops() },
    inbound: {
      async open({ options, twice }) {
        const arrivals = new Map<string, Arrival>();
        const app = express();
        app.use(traceContext(options));
        if (twice) app.use(traceContext(options));
        app.get('/:id', async (req: Request, res: Response, next: NextFunction) => {
          try {
            await arrivals.get(req.path)?.handle();
            res.end();
          } catch (error) {
            // To Express, an error that is falsy is none.
            next(error || new Error('a handler failed'));
          }
        });
        app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => void res.status(500).end());
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
        results: 'a handler answers by the response',
      },
      refused({ value }) {
        const { status, headers, body } = value as Answer;
        const problem = JSON.parse(body) as { type: string };
        assert.equal(status, problem.type.endsWith(':deadline') ? 504 : 508);
        assert.equal(headers['content-type'], 'application/problem+json');
      },
      failure: {
        errorType: '500',
        assert: ({ value }) => assert.equal((value as Answer).status, 500),
      },
    },
  };
}

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

for (const version of versions) {
  describe(version.name, () => {
    for (const { name, run } of adapterContract(harnessOf(version))) it(name, run);
  });
}
