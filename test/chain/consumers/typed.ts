// Compiled under every module setting that a user may have; the published types must hold without skipLibCheck.
import { register, W3CPropagator } from '@throughline/core';
import { send } from '@throughline/core/adapter';
import { formatTraceparent, parseTraceparent, startInbound } from '@throughline/core/adapter';
import type { HopOptions, Refused } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { traceClient } from '@throughline/mcp';
import { checkChains } from '@throughline/verify';

export const options: HopOptions = { agent: 'planner', inbound: 'restart-with-link', firstParty: ['*.example.com'] };
export const registration: 'registered' | 'kept' = register().propagator;
export const roundTrip: string | undefined = ((spanContext) => spanContext && formatTraceparent(spanContext))(
  parseTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
);
export const fields: string[] = new W3CPropagator().fields();
export const received: (hop: Parameters<typeof startInbound>[0]) => Received | Refused = (hop) => startInbound(hop);
export const sent: (hop: Parameters<typeof send>[0]) => Promise<number> = (hop) => send(hop, async () => 200);
export const verdict: string = checkChains([]).verdict;

export const middleware: (req: never, res: never, next: () => void) => void = traceContext(options);
export const tracedFetch: typeof fetch = traceFetch(fetch, options);
export const interceptor: ReturnType<typeof traceInterceptor> = traceInterceptor(options);
export const producer: typeof traceProducer = traceProducer;
export const consumer: typeof traceConsumer = traceConsumer;
export const client: typeof traceClient = traceClient;

// @ts-expect-error a policy that does not exist is refused, so these types are not `any`
export const wrong: HopOptions = { inbound: 'sometimes' };
