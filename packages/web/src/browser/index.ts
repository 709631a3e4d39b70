export { pageTrace, serverTrace, type ServerTimed, type ServerTrace } from './page-trace.ts';
export { traceFetch, type BrowserOptions, type FetchLike } from './trace-fetch.ts';
