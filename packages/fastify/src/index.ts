export { traceHeaders } from '@throughline/core/http';
export type { FastifyRequestLike } from './fastify.ts';
export type { FastifyOptions, FastifyPeer, OfRequest } from './options.ts';
export { traceContext, type TraceContextPlugin } from './trace-context.ts';
