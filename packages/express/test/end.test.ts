import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { recordErrors, traceContext } from '../src/index.ts';
import { onlySpan, serve, versions } from './serve.ts';
import type { ErrorRequestHandler, Express, NextFunction, Request, Response, Served } from './serve.ts';

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

describe.each(versions)('the end of the span, $name', ({ express }) => {
  async function start(build: (app: Express) => void): Promise<Served> {
    const app = express();
    app.use(traceContext());
    build(app);
    served = await serve(app);
    return served;
  }

  /** Opens a request and returns it with its response, whose body is still to come. */
  async function open(port: number, path: string): Promise<[http.ClientRequest, http.IncomingMessage]> {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return [request, response];
  }

  test('a streamed response holds it open until the stream ends', async () => {
    let finish: (() => void) | undefined;
    const { port, settled } = await start((app) =>
      app.get('/stream', (_req, res) => {
        res.write('first');
        finish = () => res.end('last');
      }),
    );
    const [, response] = await open(port, '/stream');
    await once(response, 'data');
    expect(telemetry.spans()).toEqual([]);
    finish?.();
    response.resume();
    await settled();
    const span = onlySpan(telemetry);
    expect(span.name).toBe('GET /stream');
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('a caller who goes away in the middle of the response, as from an event stream, makes no error', async () => {
    const { port, settled } = await start((app) =>
      app.get('/stream/:id', (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: first\n\n');
      }),
    );
    const [request, response] = await open(port, '/stream/1');
    response.on('error', () => {});
    request.destroy();
    await settled();
    const span = onlySpan(telemetry);
    expect(span.name).toBe('GET /stream/:id');
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).not.toHaveProperty('error.type');
    expect(span.attributes).toMatchObject({
      'throughline.aborted': true,
      'http.response.status_code': 200,
      'http.route': '/stream/:id',
    });
  });

  const answers: [string, ErrorRequestHandler][] = [
    ['passes it on', (error, _req, _res, next) => next(error)],
    ['answers its status', ({ status }, _req, res, _next) => void res.status(status as number).json({ status })],
    ['answers 500', (_error, _req, res, _next) => void res.status(500).end()],
    ['destroys the response with it', (error, _req, res, _next) => void res.destroy(error as Error)],
    ['answers later', (_error, _req, res, _next) => void setImmediate(() => res.status(500).end())],
  ];
  describe.each([
    ['is closed', (socket: net.Socket) => void socket.destroy()],
    ['is reset', (socket: net.Socket) => void socket.resetAndDestroy()],
    ['is half closed', (socket: net.Socket) => void socket.end()],
  ])(
    'an upload whose connection %s makes no error and has no status, though the body parser fails by it',
    (_, leave) => {
      test.each(answers)('and the error handler %s', async (_name, answer) => {
        const failed: unknown[] = [];
        const app = express();
        const gate = new EventEmitter();
        const begun = once(gate, 'begun');
        const reached = once(gate, 'reached');
        app.use(traceContext());
        app.use((req: Request, _res: Response, next: NextFunction) => {
          req.once('data', () => gate.emit('begun'));
          next();
        });
        app.use(express.json());
        app.use(recordErrors());
        app.use((error: unknown, req: Request, res: Response, next: NextFunction) => {
          failed.push((error as { code?: unknown }).code);
          gate.emit('reached');
          answer(error, req, res, next);
        });
        served = await serve(app);
        const socket = net.connect(served.port, '127.0.0.1');
        socket.on('error', () => {}).resume();
        socket.write(
          'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":',
        );
        await begun;
        leave(socket);
        await reached;
        await served.settled();
        expect(failed).toEqual(['ECONNABORTED']);
        const span = onlySpan(telemetry);
        expect(span.status.code).toBe(SpanStatusCode.UNSET);
        expect(span.events).toEqual([]);
        expect(span.attributes).toMatchObject({ 'throughline.aborted': true });
        expect(span.attributes).not.toHaveProperty('error.type');
        expect(span.attributes).not.toHaveProperty('http.response.status_code');
      });
    },
  );

  test('a caller who goes away while both bodies stream leaves the status that it got', async () => {
    const { port, settled } = await start((app) => {
      app.post('/', (req, res) => {
        req.on('aborted', () => res.destroy()).once('data', () => res.write('first'));
      });
    });
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent: false });
    request.on('error', () => {});
    request.write('first');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    request.destroy();
    await settled();
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'throughline.aborted': true,
      'http.response.status_code': 200,
    });
  });

  test('a 5xx that was begun stays an error, whoever goes away then; a 4xx stays none', async () => {
    const { port, settled } = await start((app) => {
      app.get('/:status', (req, _res, next) =>
        next(Object.assign(new RangeError('no'), { status: req.params.status })),
      );
      app.use(recordErrors());
      app.use((error: { status: string }, _req: Request, res: Response, _next: NextFunction) => {
        res.status(Number(error.status)).write('no');
      });
    });
    for (const path of ['/503', '/404']) {
      const [request, response] = await open(port, path);
      response.on('error', () => {});
      request.destroy();
      await settled();
    }
    const [unavailable, missing] = telemetry.spans();
    expect(unavailable?.status.code).toBe(SpanStatusCode.ERROR);
    expect(unavailable?.attributes).toMatchObject({ 'error.type': 'RangeError', 'throughline.aborted': true });
    expect(missing?.status.code).toBe(SpanStatusCode.UNSET);
    expect(missing?.attributes).toMatchObject({ 'throughline.aborted': true, 'http.response.status_code': 404 });
  });

  test('a caller who goes away before the response leaves no status code, since none was sent', async () => {
    const gate = new EventEmitter();
    const { port, settled } = await start((app) => app.get('/slow', () => void gate.emit('reached')));
    const reached = once(gate, 'reached');
    const request = http.get({ host: '127.0.0.1', port, path: '/slow', agent: false });
    request.on('error', () => {});
    await reached;
    request.destroy();
    await settled();
    const { attributes, status } = onlySpan(telemetry);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(attributes['throughline.aborted']).toBe(true);
    expect(attributes).not.toHaveProperty('error.type');
    expect(attributes).not.toHaveProperty('http.response.status_code');
  });

  test('a handler that destroys the response makes an error of it by giving one', async () => {
    const { port, settled } = await start((app) => {
      app.get('/', (_req, res) => void res.destroy());
      app.get('/broken', (_req, res) => void res.destroy(new RangeError('broken')));
    });
    for (const path of ['/', '/broken']) {
      const request = http.get({ host: '127.0.0.1', port, path, agent: false });
      await once(request, 'error');
      await settled();
    }
    const [silent, broken] = telemetry.spans();
    expect(silent?.status.code).toBe(SpanStatusCode.UNSET);
    expect(broken?.status.code).toBe(SpanStatusCode.ERROR);
    expect([silent, broken].map((span) => span?.attributes['throughline.aborted'])).toEqual([true, true]);
    expect([silent, broken].map((span) => span?.attributes['error.type'])).toEqual([undefined, 'RangeError']);
  });

  test('an error after the headers is named by its class', async () => {
    const { port, settled } = await start((app) => {
      app.get('/', (_req, res, next) => {
        res.write('first');
        next(new RangeError('too late'));
      });
      app.use(recordErrors());
    });
    const [, response] = await open(port, '/');
    response.resume();
    await once(response, 'error');
    await settled();
    expect(onlySpan(telemetry).attributes['error.type']).toBe('RangeError');
  });

  test('it ends once on a connection that is kept, and the next request has its own', async () => {
    const { port, settled } = await start((app) => app.get('/:n', (_req, res) => void res.end('ok')));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/1', '/2']) {
      const request = http.get({ host: '127.0.0.1', port, path, agent });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      await settled();
    }
    agent.destroy();
    expect(telemetry.spans().map(({ attributes }) => attributes['url.path'])).toEqual(['/1', '/2']);
  });

  test('it ends although the connection closed before the middleware was reached', async () => {
    const app = express();
    const gate = new EventEmitter();
    const passed = once(gate, 'passed');
    app.use((_req: Request, res: Response, next: NextFunction) => {
      res.once('close', () =>
        setImmediate(() => {
          next();
          gate.emit('passed');
        }),
      );
      res.destroy();
    });
    app.use(traceContext());
    app.use(() => {});
    served = await serve(app);
    const request = http.get({ host: '127.0.0.1', port: served.port, agent: false });
    request.on('error', () => {});
    await passed;
    expect(onlySpan(telemetry).attributes['throughline.aborted']).toBe(true);
  });

  test('a response to HEAD and a 304 end it like any other', async () => {
    const { ask } = await start((app) => {
      app.get('/page', (_req, res) => void res.send('page'));
      app.get('/same', (_req, res) => void res.status(304).end());
    });
    await ask('/page', { method: 'HEAD' });
    await ask('/same');
    expect(telemetry.spans().map(({ name, attributes }) => [name, attributes['http.response.status_code']])).toEqual([
      ['HEAD /page', 200],
      ['GET /same', 304],
    ]);
  });
});
