import { readFileSync } from 'node:fs';

/** The events of AWS's own documentation, each of which a test may change: a new copy a call. */
export function eventOf(name: string): Record<string, unknown> {
  const file = new URL(`./events/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** What Lambda gives as the context of an invocation. */
export const lambdaContext: Readonly<Record<string, unknown>> = Object.freeze({
  functionName: 'analyst',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:us-east-2:123456789012:function:analyst:live',
  awsRequestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
  memoryLimitInMB: '128',
});
