export type { WebOptions } from './options.ts';
export { traceHandler, type WebHandler } from './trace-handler.ts';
export { traceHeaders } from '@throughline/core/http';
