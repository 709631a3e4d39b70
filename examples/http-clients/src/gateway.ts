/** The gateway: asks the planner by each client, in one span. */
import http from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { trace } from '@opentelemetry/api';
import { traceAgent, traceAxios, traceGot, traceHttp } from '@throughline/fetch/node';
import axios from 'axios';
import got from 'got';
import { startTelemetry } from './telemetry.ts';

const provider = startTelemetry('gateway');
const [planner = ''] = process.argv.slice(2);

const tracedHttp = traceHttp(http);
const tracedAxios = traceAxios(axios.create({ baseURL: planner }));
const tracedGot = traceGot(got);
const agent = traceAgent(new http.Agent());

// axios asks again by sending the config of the error once more.
tracedAxios.interceptors.response.use(undefined, (error: unknown) =>
  axios.isAxiosError(error) && error.config !== undefined && error.response?.status === 503
    ? tracedAxios(error.config)
    : Promise.reject(error),
);

const answered = (request: ClientRequest): Promise<string> =>
  new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject)).then(text);

await trace.getTracer('gateway').startActiveSpan('question', async (span) => {
  await answered(tracedHttp.get(`${planner}/plan?client=http`));
  await tracedAxios.get('/moved', { params: { client: 'axios' } });
  await tracedAxios.get('/busy', { params: { client: 'axios' } });
  await tracedGot(`${planner}/moved?client=got`);
  await tracedGot(`${planner}/busy?client=got`, { retry: { limit: 1, backoffLimit: 10 } });
  await answered(http.get(`${planner}/plan?client=agent`, { agent }));
  span.end();
});
await provider.shutdown();
