import type { Server } from 'node:http';
import { httpInstrumentationMiddleware } from '@hono/otel';
import { createAdaptorServer } from '@hono/node-server';
import type { HttpBindings } from '@hono/node-server';
import { traceHandler } from '@throughline/web';
import { traceContext } from '@throughline/web/hono';
import { Hono } from 'hono';
import { routePath } from 'hono/route';
import { startTelemetry } from '../telemetry.ts';
import { handWritten } from './hand-written.ts';
import { serve } from './serve.ts';

/** What serves, and how its requests are traced. */
export type WebVariant =
  | 'bare Hono'
  | 'Hono, ours'
  | 'Hono, @hono/otel'
  | 'Hono, hand-written'
  | 'bare handler'
  | 'handler, ours'
  | 'handler, hand-written';

type Handler = (request: Request, env: HttpBindings) => Promise<Response>;

const variant = process.argv[2] as WebVariant;
const telemetry = startTelemetry();
const { tracer } = telemetry;
const fetch = variant.includes('Hono') ? honoHandler() : plainHandler();
serve(createAdaptorServer({ fetch: fetch as (request: Request) => Promise<Response> }) as Server, telemetry);

function honoHandler(): Handler {
  const app = new Hono<{ Bindings: HttpBindings }>();
  if (variant === 'Hono, ours') app.use(traceContext());
  if (variant === 'Hono, @hono/otel') app.use(httpInstrumentationMiddleware());
  if (variant === 'Hono, hand-written') {
    app.use((c, next) => handWritten(tracer, c.env.incoming, c.env.outgoing, () => routePath(c), next));
  }
  app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));
  return async (request, env) => app.fetch(request, env);
}

function plainHandler(): Handler {
  const handler: Handler = async (request) => {
    const { url } = request;
    return Response.json({ id: url.slice(url.lastIndexOf('/') + 1) });
  };
  const route = (): string => '/users/:id';
  if (variant === 'handler, ours') return traceHandler(handler as (request: Request) => Promise<Response>, { route });
  if (variant === 'handler, hand-written') {
    return (request, env) => handWritten(tracer, env.incoming, env.outgoing, route, () => handler(request, env));
  }
  return handler;
}
