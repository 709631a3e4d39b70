export type { ExpressOptions, ExpressPeer, OfRequest } from './options.ts';
export { recordErrors, type ErrorMiddleware } from './record-errors.ts';
export { traceContext, type Middleware } from './trace-context.ts';
export { traceHeaders } from '@throughline/core/http';
