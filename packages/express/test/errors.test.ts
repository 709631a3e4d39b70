import { SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { recordErrors, traceContext } from '../src/index.ts';
import { onlySpan, serve, versions } from './serve.ts';
import type { NextFunction, Request, Response, Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

describe.each(versions)('recordErrors(), $name', ({ express }) => {
  /** Serves a route that passes `error` on, `recordErrors()` twice, and a handler that answers `status`. */
  async function fail(error: unknown, status: number, traced = true): Promise<unknown[]> {
    const passed: unknown[] = [];
    const app = express();
    if (traced) app.use(traceContext());
    const router = express.Router();
    router.get('/', (_req, _res, next) => next(error));
    router.use(recordErrors());
    app.use(router);
    app.use(recordErrors());
    app.use((given: unknown, _req: Request, res: Response, _next: NextFunction) => {
      passed.push(given);
      res.status(status).end();
    });
    served = await serve(app);
    await served.ask('/');
    return passed;
  }

  test('records the exception once, and passes the same error on', async () => {
    const error = new RangeError('out of stock');
    expect(await fail(error, 500)).toEqual([error]);
    const span = onlySpan(telemetry);
    expect(
      span.events.map(({ name, attributes }) => [
        name,
        attributes?.['exception.type'],
        attributes?.['exception.message'],
      ]),
    ).toEqual([['exception', 'RangeError', 'out of stock']]);
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes['error.type']).toBe('RangeError');
  });

  test('an error that is answered with 4xx is recorded, and the span is not one of an error', async () => {
    await fail(Object.assign(new Error('who?'), { status: 401 }), 401);
    const span = onlySpan(telemetry);
    expect(span.events).toHaveLength(1);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).not.toHaveProperty('error.type');
  });

  test.each([
    [{ no: 'error' }],
    [7],
    ['text'],
    [Object.create(null)],
    [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('trap');
          },
        },
      ),
    ],
  ])('anything may be thrown: %#', async (error) => {
    const passed = await fail(error, 500);
    expect(passed[0] === error).toBe(true);
    expect(onlySpan(telemetry).attributes['error.type']).toBe('_OTHER');
  });

  test('without traceContext() it only passes the error on', async () => {
    const error = new Error('no');
    const [passed] = await fail(error, 500, false);
    expect(passed).toBe(error);
    expect(telemetry.spans()).toEqual([]);
  });
});
