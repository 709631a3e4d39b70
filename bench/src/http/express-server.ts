import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Attributes } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { traceContext } from '@throughline/express';
import type Express from 'express';
import type { RequestHandler } from 'express';
import { startTelemetry } from '../telemetry.ts';
import { fewAttributes, handWritten } from './hand-written.ts';
import { serve } from './serve.ts';

/** How the requests of a server are traced. */
export type ExpressVariant = 'bare' | 'ours' | 'http+express' | 'hand-written' | 'minimal';

const variant = process.argv[2] as ExpressVariant;
const telemetry = startTelemetry();

if (variant === 'http+express') {
  registerInstrumentations({
    tracerProvider: telemetry.provider,
    instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
  });
}
// Loaded by `require` and after the instrumentations, which is how they get to patch it.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const express = require('express') as typeof Express;

const app = express();
if (variant === 'ours') app.use(traceContext());
if (variant === 'hand-written') app.use(byHand());
if (variant === 'minimal') app.use(byHand(fewAttributes));
app.get('/users/:id', (req, res) => {
  res.json({ id: req.params.id });
});

serve(http.createServer(app as RequestListener), telemetry);

function byHand(attributesOf?: (req: IncomingMessage) => Attributes): RequestHandler {
  return (req, res, next) => {
    const routeOf = (): string | undefined => {
      const path = (req.route as { path?: string } | undefined)?.path;
      return path === undefined ? undefined : req.baseUrl + path;
    };
    handWritten(telemetry.tracer, req, res, routeOf, next, attributesOf);
  };
}
