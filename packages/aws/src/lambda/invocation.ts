import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CLOUD_RESOURCE_ID,
  ATTR_FAAS_COLDSTART,
  ATTR_FAAS_INVOCATION_ID,
  ATTR_FAAS_TRIGGER,
} from '../conventions.ts';
import { isObject, text } from './event.ts';
import type { EventKind, Loose } from './event.ts';

/** Lambda's `Context`, as far as it is read here. */
export interface Invocation {
  readonly name: string;
  readonly attributes: Attributes;
  /** What a caller that invokes the function directly put into `clientContext.custom`. */
  readonly custom: unknown;
  /** Returns how many milliseconds are left; `Infinity` where nobody says. */
  remaining(): number;
}

const TRIGGERS: Readonly<Record<EventKind, string>> = {
  'api-gateway': 'http',
  'http-api': 'http',
  alb: 'http',
  websocket: 'http',
  authorizer: 'http',
  sqs: 'pubsub',
  sns: 'pubsub',
  eventbridge: 'pubsub',
  timer: 'timer',
  datasource: 'datasource',
  other: 'other',
};

// Of the process: what is initialized is cold for its first invocation alone.
let isCold = true;

// A process is of one function, and nearly always of one version.
let last = { invoked: '', arn: '' };

/** Returns an ARN without the version or the alias, which is the eighth part. */
function functionArn(invoked: string): string {
  if (invoked !== last.invoked) last = { invoked, arn: invoked.split(':', 7).join(':') };
  return last.arn;
}

/** Returns what is known of an invocation. Never throws. */
export function invocationOf(context: unknown, kind: EventKind): Invocation {
  const cold = isCold && globalThis.process?.env['AWS_LAMBDA_INITIALIZATION_TYPE'] !== 'provisioned-concurrency';
  isCold = false;
  const attributes: Attributes = { [ATTR_FAAS_TRIGGER]: TRIGGERS[kind], [ATTR_FAAS_COLDSTART]: cold };
  let given: Loose = {};
  let custom: unknown;
  try {
    if (isObject(context)) given = context;
    const id = text(given['awsRequestId']);
    if (id !== undefined) attributes[ATTR_FAAS_INVOCATION_ID] = id;
    const arn = text(given['invokedFunctionArn']);
    if (arn !== undefined) attributes[ATTR_CLOUD_RESOURCE_ID] = functionArn(arn);
    const client = given['clientContext'];
    if (isObject(client)) custom = client['custom'] ?? client['Custom'];
  } catch {
    // A getter threw: the rest is not known.
  }
  return {
    name: text(given['functionName']) ?? 'invoke',
    attributes,
    custom,
    remaining() {
      try {
        const milliseconds: unknown = (given as { getRemainingTimeInMillis?(): unknown }).getRemainingTimeInMillis?.();
        return typeof milliseconds === 'number' ? milliseconds : Infinity;
      } catch {
        return Infinity;
      }
    },
  };
}
