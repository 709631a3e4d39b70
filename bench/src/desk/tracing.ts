import { createRequire } from 'node:module';
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { traceClient, traceServer } from '@throughline/mcp';
import type Express from 'express';
import type { Consumer, Producer } from 'kafkajs';
import type { Telemetry } from '../telemetry.ts';

/** How the processes of the desk are traced. */
export type DeskVariant = 'bare' | 'ours' | 'ours, no spans' | 'auto-instrumentations';

/** What a process of the desk has its libraries wrapped by; with nothing of ours each gives back what it is given. */
export interface Tracing {
  app(app: Express.Express): void;
  readonly fetch: typeof fetch;
  producer(producer: Producer): Producer;
  consumer(consumer: Consumer): Consumer;
  client<C extends object>(client: C): C;
  server<S extends object>(server: S): S;
}

/** Sets up tracing for a process, before it loads what is to be traced. */
export function startTracing(variant: DeskVariant, telemetry: Telemetry): Tracing {
  if (variant === 'auto-instrumentations') {
    registerInstrumentations({
      tracerProvider: telemetry.provider,
      instrumentations: [getNodeAutoInstrumentations()],
    });
  }
  if (variant === 'bare' || variant === 'auto-instrumentations') {
    const same = <T>(thing: T): T => thing;
    return { app: () => {}, fetch, producer: same, consumer: same, client: same, server: same };
  }
  const options = { spans: variant === 'ours', firstParty: true };
  return {
    app: (app) => void app.use(traceContext(options)),
    fetch: traceFetch(fetch, options),
    producer: (producer) => traceProducer(producer, options),
    consumer: (consumer) => traceConsumer(consumer, options) as Consumer,
    client: (client) => clientTracer(client, options),
    server: (server) => serverTracer(server, options),
  };
}

type Tracer = <T extends object>(thing: T, options: HopOptions) => T;
const clientTracer = traceClient as unknown as Tracer;
const serverTracer = traceServer as unknown as Tracer;

/** Loads a package by `require` and after the instrumentations, which is how they get to patch it. */
export const load: NodeJS.Require = createRequire(import.meta.url);
