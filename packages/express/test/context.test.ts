import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { context, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Express, NextFunction, Request, Response, Served } from './serve.ts';

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

const headers = { traceparent: TRACEPARENT };
const activeSpanId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

describe.each(versions)('context, $name', ({ express, major }) => {
  async function start(build: (app: Express) => void): Promise<Served> {
    const app = express();
    app.use(traceContext());
    build(app);
    // A server that is started inside a span hands that span to whatever loses its context.
    const stray = trace.wrapSpanContext({ traceId: 'f'.repeat(32), spanId: 'f'.repeat(16), traceFlags: 1 });
    served = await context.with(trace.setSpan(context.active(), stray), () => serve(app));
    return served;
  }

  /** Serves one handler, asks it, and returns what the handler's callbacks saw, beside the span's own id. */
  async function seen(handle: (req: Request, res: Response, note: (what: string) => void) => unknown, body?: string) {
    const ids: Record<string, string | undefined> = {};
    const note = (what: string): void => {
      ids[what] = activeSpanId();
    };
    const { ask } = await start((app) => app.all('/', (req, res) => void handle(req, res, note)));
    await ask('/', { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
    return { ids, own: onlySpan(telemetry).spanContext().spanId };
  }

  test.each([
    ['json', 'application/json', '{"a":1}'],
    ['urlencoded', 'application/x-www-form-urlencoded', 'a=1'],
    ['text', 'text/plain', 'a'.repeat(300_000)],
    ['raw', 'application/octet-stream', 'a'],
  ] as const)('survives the body parser `%s`', async (parser, type, body) => {
    let inHandler: string | undefined;
    const { ask } = await start((app) => {
      app.use(parser === 'urlencoded' ? express.urlencoded({ extended: false }) : express[parser]({ limit: '1mb' }));
      app.post('/', (req, res) => {
        inHandler = activeSpanId();
        res.json(typeof req.body);
      });
    });
    await ask('/', { method: 'POST', headers: { ...headers, 'content-type': type }, body });
    expect(inHandler).toBe(onlySpan(telemetry).spanContext().spanId);
  });

  test('survives a body parser that fails, into the error handler', async () => {
    let inHandler: string | undefined;
    const { ask } = await start((app) => {
      app.use(express.json());
      app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
        inHandler = activeSpanId();
        res.status(400).end();
      });
    });
    expect(
      (await ask('/', { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{' }))
        .status,
    ).toBe(400);
    expect(inHandler).toBe(onlySpan(telemetry).spanContext().spanId);
  });

  test('survives next(err), also after a wait, and the error is the same object', async () => {
    const thrown = new Error('no');
    let got: unknown;
    let inHandler: string | undefined;
    const { ask } = await start((app) => {
      const router = express.Router();
      router.get('/:id', (_req, _res, next) => void setImmediate(() => next(thrown)));
      app.use('/users', router);
      app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
        got = error;
        inHandler = activeSpanId();
        res.status(500).end();
      });
    });
    await ask('/users/1', { headers });
    expect(got).toBe(thrown);
    expect(inHandler).toBe(onlySpan(telemetry).spanContext().spanId);
    expect(onlySpan(telemetry).name).toBe('GET /users/:id');
  });

  // Express 4 does not look at what a handler returns.
  if (major === 5)
    test('survives an async handler that throws, and the error is the same object', async () => {
      const thrown = new Error('no');
      let got: unknown;
      let inHandler: string | undefined;
      const { ask } = await start((app) => {
        app.get('/users/:id', async () => {
          await new Promise(setImmediate);
          throw thrown;
        });
        app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
          got = error;
          inHandler = activeSpanId();
          res.status(500).end();
        });
      });
      await ask('/users/1', { headers });
      expect(got).toBe(thrown);
      expect(inHandler).toBe(onlySpan(telemetry).spanContext().spanId);
      expect(onlySpan(telemetry).name).toBe('GET /users/:id');
    });

  test('two requests at once keep their own', async () => {
    const traces: string[] = [];
    const gate = new EventEmitter();
    const { ask } = await start((app) =>
      app.get('/:n', async (req, res) => {
        if (req.params['n'] === '1') await once(gate, 'open');
        else gate.emit('open');
        traces.push(`${req.params['n']} ${trace.getActiveSpan()?.spanContext().traceId}`);
        res.end();
      }),
    );
    const first = ask('/1', { headers });
    await Promise.all([first, ask('/2', { headers: { traceparent: TRACEPARENT.replace(TRACE_ID, '1'.repeat(32)) } })]);
    expect(traces.toSorted()).toEqual([`1 ${TRACE_ID}`, `2 ${'1'.repeat(32)}`]);
  });

  test.each(['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)(
    'listeners added with `%s` run in the handler’s context',
    async (method) => {
      const { ids, own } = await seen((req, res, note) => {
        req[method]('end', () => note('end'));
        req[method]('close', () => note('req close'));
        res[method]('finish', () => note('finish'));
        res[method]('close', () => note('res close'));
        req.resume();
        res.end('done');
      }, 'body');
      expect(ids).toEqual({ end: own, 'req close': own, finish: own, 'res close': own });
    },
  );

  test('a listener added inside a span of the handler’s own runs in that span', async () => {
    const inner = trace.wrapSpanContext({ traceId: TRACE_ID, spanId: 'a'.repeat(16), traceFlags: 1 });
    const { ids } = await seen((_req, res, note) => {
      context.with(trace.setSpan(context.active(), inner), () => res.on('finish', () => note('finish')));
      res.end();
    });
    expect(ids['finish']).toBe('a'.repeat(16));
  });

  test('streams that are piped, and `events.once`, work as ever', async () => {
    const { ids, own } = await seen(async (req, res, note) => {
      const through = new PassThrough();
      const ended = once(req, 'end');
      req.pipe(through);
      await ended;
      note('ended');
      await pipeline(through, res);
      note('piped');
      await finished(res);
      note('finished');
    }, 'body');
    expect(ids).toEqual({ ended: own, piped: own, finished: own });
  });

  test('listeners are removed by the function they were added by', async () => {
    const calls: string[] = [];
    const counts: number[] = [];
    await seen((req, res) => {
      for (const remove of ['removeListener', 'off'] as const) {
        for (const add of ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const) {
          const listener = (): void => void calls.push(`${add} ${remove}`);
          res[add]('finish', listener);
          req[add]('end', listener);
          counts.push(res.listenerCount('finish', listener));
          expect(res.listeners('finish')).toContain(listener);
          res[remove]('finish', listener);
          req[remove]('end', listener);
          counts.push(res.listenerCount('finish', listener));
        }
      }
      req.resume();
      res.end();
    }, 'body');
    expect(calls).toEqual([]);
    expect(counts).toEqual(Array.from({ length: 10 }, () => [1, 0]).flat());
  });

  test('`once` calls once, with `this`, arguments and the return value of emit as ever', async () => {
    const calls: unknown[] = [];
    let self: unknown;
    let emitted: boolean[] = [];
    await seen((_req, res) => {
      const added = res.once('custom', function (this: unknown, ...args: unknown[]) {
        self = this === res;
        calls.push(args);
      });
      emitted = [res.emit('custom', 1, 'two'), res.emit('custom', 3), added === res];
      res.end();
    });
    expect({ calls, self, emitted }).toEqual({ calls: [[1, 'two']], self: true, emitted: [true, false, true] });
  });

  test('something that is no function is refused by Node, as ever', async () => {
    let code: unknown;
    await seen((_req, res) => {
      try {
        res.on('finish', 'nothing' as never);
      } catch (error) {
        code = (error as { code?: unknown }).code;
      }
      res.end();
    });
    expect(code).toBe('ERR_INVALID_ARG_TYPE');
  });

  test('an `on` that other middleware put on the response keeps its say', async () => {
    const through: string[] = [];
    const app = express();
    app.use((_req: Request, res: Response, next: NextFunction) => {
      const on = res.on;
      res.on = function (this: Response, type: string, listener: (...args: unknown[]) => void) {
        through.push(type);
        return on.call(this, type, listener);
      } as typeof res.on;
      next();
    });
    app.use(traceContext());
    app.get('/', (_req, res) => void res.on('finish', () => through.push('called')).end());
    served = await serve(app);
    await served.ask('/');
    expect(through.slice(-2)).toEqual(['finish', 'called']);
  });

  test('an emitter that OpenTelemetry’s context manager has bound before is bound to the hop, and listeners can be removed', async () => {
    const ids: (string | undefined)[] = [];
    const app = express();
    app.use((req: Request, res: Response, next: NextFunction) => {
      const manager = (
        context as unknown as { _getContextManager(): { bind<T>(to: unknown, target: T): T } }
      )._getContextManager();
      manager.bind(context.active(), req);
      manager.bind(context.active(), res);
      next();
    });
    app.use(traceContext());
    app.post('/', (req, res) => {
      for (const add of ['on', 'once', 'prependOnceListener'] as const) {
        const listener = (): void => void ids.push('not removed');
        res[add]('finish', listener);
        res.removeListener('finish', listener);
        req[add]('end', listener);
        req.off('end', listener);
      }
      req.once('end', () => {
        ids.push(activeSpanId());
        req.emit('end');
        res.end();
      });
      res.once('finish', () => ids.push(activeSpanId()));
      req.resume();
    });
    served = await serve(app);
    await served.ask('/', { method: 'POST', headers, body: 'body' });
    const own = onlySpan(telemetry).spanContext().spanId;
    expect(ids).toEqual([own, own]);
  });
});
