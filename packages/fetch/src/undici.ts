export { traceInterceptor, type DispatchLike, type InterceptorOptions } from './trace-interceptor.ts';
