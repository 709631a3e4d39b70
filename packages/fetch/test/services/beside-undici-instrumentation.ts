// A service whose SDK also runs @opentelemetry/instrumentation-undici. Its arguments say how it calls the server; it prints
// the CLIENT spans that were made, as JSON.
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { startTelemetry } from '@throughline/test-telemetry';
import { Agent, fetch as undiciFetch, request } from 'undici';
import { traceFetch } from '../../src/index.ts';
import { traceInterceptor } from '../../src/undici.ts';

const telemetry = startTelemetry();
registerInstrumentations({ instrumentations: [new UndiciInstrumentation()] });

const [how = '', url = ''] = process.argv.slice(2);
const agent = new Agent();
// Any name leads to loopback.
const anyName = new Agent({
  connect: { lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
});
const own = (...args: Parameters<typeof fetch>): Promise<Response> => fetch(...args);
const calls: Record<string, () => Promise<unknown>> = {
  'the global fetch': async () => (await traceFetch()(url)).text(),
  'the global fetch, handed in': async () => (await traceFetch(fetch)(new Request(url))).text(),
  "undici's fetch under suppressInner": async () =>
    (await traceFetch(undiciFetch, { suppressInner: true })(url)).text(),
  'a dispatcher': async () => (await request(url, { dispatcher: agent.compose(traceInterceptor()) })).body.text(),
  'the global fetch under outbound: suppress': async () =>
    (await traceFetch(undefined, { outbound: 'suppress' })(url)).text(),
  'a fetch of the user, unsuppressed': async () => (await traceFetch(own)(url)).text(),
  'the same, with baggage, led elsewhere': async () => {
    const baggage = propagation.setBaggage(context.active(), propagation.createBaggage({ user: { value: '42' } }));
    const init = { dispatcher: anyName } as RequestInit;
    await context.with(baggage, async () => (await traceFetch(own)(url, init)).text());
  },
};

await trace.getTracer('service').startActiveSpan('work', async (span) => {
  await calls[how]?.();
  span.end();
});
await Promise.all([agent.close(), anyName.close()]);
const spans = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
console.log(
  JSON.stringify(spans.map((span) => ({ scope: span.instrumentationScope.name, spanId: span.spanContext().spanId }))),
);
await telemetry.shutdown();
