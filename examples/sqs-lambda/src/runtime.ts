/**
 * What Lambda runs a function in: asks for the next invocation, calls the handler, posts its answer.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { handler } from './handler.ts';
import type { SQSEvent } from 'aws-lambda';

const api = `http://${process.env['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation`;

for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id') ?? '';
  const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'));
  const context = {
    functionName: process.env['AWS_LAMBDA_FUNCTION_NAME'],
    invokedFunctionArn: next.headers.get('lambda-runtime-invoked-function-arn'),
    awsRequestId: id,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  // The type of a handler says what it takes; Lambda gives it more.
  const run = handler as (event: SQSEvent, context: object) => Promise<unknown>;
  try {
    const answer = await run((await next.json()) as SQSEvent, context);
    await fetch(`${api}/${id}/response`, { method: 'POST', body: JSON.stringify(answer ?? null) });
  } catch (error) {
    const body = JSON.stringify({ errorMessage: String(error), errorType: (error as Error).name });
    await fetch(`${api}/${id}/error`, { method: 'POST', body });
  }
}
