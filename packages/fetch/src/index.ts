export { injectHeaders, type InjectedHeaders } from './inject-headers.ts';
export { traceFetch, type FetchLike, type FetchOptions, type NoPlainFetch, type PlainFetch } from './trace-fetch.ts';
