import { warnOncePer } from '@throughline/core/adapter';
import { attributeBytes, headersOf, without } from './attributes.ts';

// What a service may refuse to take more of, in bytes of a call: queues and topics of before August 2025 have the first limit, newer
// ones the second. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const LIMITS = [262_144, 1_048_576];

// Those of `limits` of core are the most that the fields of one message take.
const MOST_FIELDS = 10_000;

/**
 * Returns how many bytes the fields may take in each message of a call, so that they do not bring it past a limit that it is below
 * without them. `most` is a limit that the user knows of.
 */
export function slackOf(messages: readonly unknown[], most: number | undefined): number {
  const limits = most === undefined ? LIMITS : [...LIMITS, most].toSorted((a, b) => a - b);
  const characters = total(messages, (text) => text.length);
  // Mostly messages are small: they need not be counted exactly.
  if (characters * 3 + MOST_FIELDS * messages.length <= (limits[0] as number)) return Infinity;
  const bytes = total(messages, (text) => Buffer.byteLength(text));
  const limit = limits.find((one) => bytes <= one);
  // Past them all it fails without us too.
  return limit === undefined ? Infinity : Math.floor((limit - bytes) / messages.length);
}

const TEXTS = ['MessageBody', 'Message', 'Subject', 'Detail', 'DetailType', 'Source'];

function total(messages: readonly unknown[], size: (text: string) => number): number {
  let sum = 0;
  for (const message of messages) {
    if (typeof message !== 'object' || message === null) continue;
    const held = message as Readonly<Record<string, unknown>>;
    for (const name of TEXTS) {
      const text = held[name];
      if (typeof text === 'string') sum += size(text);
    }
    const attributes = held['MessageAttributes'];
    if (attributes === undefined || attributes === null) continue;
    const headers = headersOf(attributes);
    for (const name of Object.keys(headers)) {
      const value = headers[name] as string | Uint8Array;
      // The type may be one of the user's own, such as `String.json`.
      const { DataType: type } = ((attributes as Record<string, unknown>)[name] ?? {}) as { DataType?: unknown };
      sum += size(name) + (typeof type === 'string' ? size(type) : 0);
      sum += typeof value === 'string' ? size(value) : value.byteLength;
    }
  }
  return sum;
}

/** Returns the fields that fit into so many bytes: `baggage`, the largest, is left out first, then the others but `traceparent`, then all. */
export function fitting(
  fields: Readonly<Record<string, string>>,
  slack: number,
  place: string,
  bytesOf: (name: string, value: string) => number = attributeBytes,
): Readonly<Record<string, string>> {
  if (slack === Infinity) return fields;
  const bytes = (some: Readonly<Record<string, string>>): number =>
    Object.keys(some).reduce((sum, name) => sum + bytesOf(name, some[name] as string), 0);
  const names = Object.keys(fields);
  const steps = [[], ['baggage'], names.filter((name) => name !== 'traceparent'), names];
  const left = steps.find((step) => bytes(without(fields, step)) <= slack) ?? names;
  if (left.length === 0) return fields;
  const told = left.filter((name) => Object.hasOwn(fields, name));
  warnOncePer(
    'aws-size',
    place,
    `what is sent to ${place} is nearly as large as it may be: ${told.join(', ')} ${told.length === 1 ? 'is' : 'are'} left out of it.`,
  );
  return without(fields, left);
}
