import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { propagation, trace } from '@opentelemetry/api';
import { publicEdge, withAttempt, withDeadline } from '@throughline/core';
import { traceContext } from '@throughline/express';
import type Express from 'express';

type Next = Express.NextFunction;

export interface Order {
  /** Where the middleware stands: first in the application, or first in a router that is mounted in it. */
  readonly first: 'application' | 'router';
  readonly edge: 'public' | 'internal';
}

export const orders: readonly Order[] = [
  { first: 'application', edge: 'public' },
  { first: 'router', edge: 'public' },
  { first: 'application', edge: 'internal' },
];

/** Makes a span that says where the request worked, and what baggage it had there. */
function work(place: string): void {
  const baggage = propagation.getActiveBaggage()?.getAllEntries() ?? [];
  const attributes = { baggage: baggage.map(([key]) => key) };
  trace.getTracer('shop').startSpan(place, { attributes }).end();
}

/** Returns an application that works wherever the code of a request can run. */
export function shop(express: typeof Express, order: Order): RequestListener {
  const app = express();
  const first = order.first === 'application' ? app : express.Router();
  if (first !== app) app.use('/', first);
  first.use(traceContext(order.edge === 'public' ? publicEdge() : { baggage: { accept: ['plan'] } }));
  first.use(function synchronous(req: IncomingMessage, _res: ServerResponse, next: Next) {
    work('middleware');
    req.once('close', () => work('close of req'));
    next();
  });
  first.use(express.json());
  first.use(async function asynchronous(_req: IncomingMessage, _res: ServerResponse, next: Next) {
    await turn();
    work('middleware after an await');
    next();
  });
  first.use(function withinLimits(_req: IncomingMessage, _res: ServerResponse, next: Next) {
    withDeadline(30_000, () =>
      withAttempt(2, () => {
        work('withDeadline');
        next();
      }),
    );
  });

  const posts = express.Router({ mergeParams: true });
  posts.use(async function nested(_req: IncomingMessage, _res: ServerResponse, next: Next) {
    await turn();
    work('middleware of a nested router');
    next();
  });
  posts.all(
    '/posts/:post',
    function guard(_req, _res, next) {
      work('guard of a route');
      setImmediate(next);
    },
    async function handler(req, res) {
      work('handler');
      res.on('finish', () => work('finish of res'));
      res.once('close', () => work('close of res'));
      await turn();
      work('handler after an await');
      res.json(req.body ?? null);
    },
  );
  posts.get('/fails/:post', async function failing(_req, _res, next) {
    await turn();
    next(new Error('no'));
  });
  posts.use(function leaving(_req: IncomingMessage, _res: ServerResponse, next: Next) {
    work('the way out of a nested router');
    next('router');
  });
  first.use('/users/:id', posts);

  // By the time a request is here, or at the error page, it has left the routers by a `next` of what is above the middleware.
  app.use('/users/:id/upload', function upload(req: IncomingMessage, res: ServerResponse) {
    work('handler after the routers');
    req.on('data', () => work('data of req'));
    req.on('end', async () => {
      work('end of req');
      await turn();
      work('end of req after an await');
      res.end('ok');
    });
  });
  app.use(async function errorPage(_error: unknown, _req: IncomingMessage, res: ServerResponse, _next: Next) {
    work('error handler');
    await turn();
    work('error handler after an await');
    res.statusCode = 500;
    res.end('failed');
  });
  return app as RequestListener;
}
