export { traceAgent, type AgentLike } from './node/trace-agent.ts';
export { traceAxios, type AxiosLike } from './node/trace-axios.ts';
export { traceGot, type GotLike } from './node/trace-got.ts';
export { traceHttp, type HttpLike } from './node/trace-http.ts';
