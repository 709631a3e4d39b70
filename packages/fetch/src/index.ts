export { injectHeaders } from './inject-headers.ts';
export { traceFetch, type FetchLike, type FetchOptions } from './trace-fetch.ts';
