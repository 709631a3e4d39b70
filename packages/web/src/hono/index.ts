export { traceContext, type HonoContextLike, type HonoMiddleware, type HonoOptions } from './trace-context.ts';
export type { HonoRequestLike, HonoRoute } from './route.ts';
export { traceHeaders } from '@throughline/core/http';
