import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AwsLambdaInstrumentation } from '@opentelemetry/instrumentation-aws-lambda';
import { traceLambda } from '@throughline/aws';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { asked, serve } from './operations.ts';
import { traceparent } from './traceparent.ts';
import type { QueueVariant } from './variant.ts';

type Handler = (event: APIGatewayProxyEventV2, invocation: Context) => Promise<APIGatewayProxyStructuredResultV2>;

const started = asked();
const { variants, telemetry } = started;
if (variants.includes('peer')) {
  process.env['LAMBDA_TASK_ROOT'] = fileURLToPath(new URL('.', import.meta.url));
  process.env['_HANDLER'] = 'lambda-function.handler';
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new AwsLambdaInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const { handler: bare } = createRequire(import.meta.url)('./lambda-function.cjs') as { readonly handler: Handler };

const event: APIGatewayProxyEventV2 = {
  version: '2.0',
  routeKey: 'GET /users/{id}',
  rawPath: '/users/42',
  rawQueryString: '',
  headers: {
    host: 'id.execute-api.us-east-1.amazonaws.com',
    'user-agent': 'bench/1.0',
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'https',
    traceparent,
  },
  requestContext: {
    accountId: '123456789012',
    apiId: 'id',
    domainName: 'id.execute-api.us-east-1.amazonaws.com',
    domainPrefix: 'id',
    http: { method: 'GET', path: '/users/42', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'bench/1.0' },
    requestId: 'id',
    routeKey: 'GET /users/{id}',
    stage: '$default',
    time: '12/Mar/2020:19:03:58 +0000',
    timeEpoch: 1583348638390,
  },
  pathParameters: { id: '42' },
  isBase64Encoded: false,
};
const invocation = {
  functionName: 'users',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:users',
  awsRequestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
  memoryLimitInMB: '128',
  getRemainingTimeInMillis: () => 10_000,
} as Context;

await serve(started, (variant) => {
  const handler = handlerOf(variant);
  return async (count) => {
    for (let done = 0; done < count; done++) await handler(event, invocation);
  };
});

function handlerOf(variant: QueueVariant): Handler {
  switch (variant) {
    case 'ours':
      return traceLambda(bare);
    case 'hand-written':
      return handWritten;
    default:
      return bare;
  }
}

/** What anyone would write around a function: extract, a span with what ours says, run, and export before the answer. */
async function handWritten(
  event: APIGatewayProxyEventV2,
  invocation: Context,
): Promise<APIGatewayProxyStructuredResultV2> {
  const parent = propagation.extract(ROOT_CONTEXT, event.headers);
  const { http, routeKey, domainName } = { ...event.requestContext, routeKey: event.routeKey };
  const attributes = {
    'http.request.method': http.method,
    'http.route': routeKey.slice(routeKey.indexOf(' ') + 1),
    'url.scheme': event.headers['x-forwarded-proto'],
    'network.protocol.version': http.protocol.slice('HTTP/'.length),
    'url.path': event.rawPath,
    'server.address': domainName,
    'server.port': 443,
    'client.address': http.sourceIp,
    'user_agent.original': http.userAgent,
    'faas.trigger': 'http',
    'faas.coldstart': false,
    'faas.invocation_id': invocation.awsRequestId,
    'cloud.resource_id': invocation.invokedFunctionArn,
  };
  const span = telemetry.tracer.startSpan(routeKey, { kind: SpanKind.SERVER, attributes }, parent);
  try {
    const answer = await context.with(trace.setSpan(parent, span), bare, undefined, event, invocation);
    span.setAttribute('http.response.status_code', answer.statusCode ?? 200);
    return answer;
  } catch (error) {
    span.recordException(error as Error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
    await telemetry.provider.forceFlush();
  }
}
