import type { AttributeValue, CollectedSpan, SpanAttributes } from './span.ts';

// What V8 takes on 64 bits, rounded up: a limit that is reached early is safe, one that is reached late is none.
const SPAN = 600;
const LINK = 250;
const EVENT = 150;
const ATTRIBUTES = 150;
const ATTRIBUTE = 100;
const ELEMENT = 16;
const TEXT = 24;

/** Returns about how many bytes of memory a span takes, without the resource and the scope, which it shares with others. */
export function sizeOfSpan({ name, attributes, links, events, status }: CollectedSpan): number {
  let size = SPAN + sizeOfText(name) + sizeOfText(status.message) + sizeOfAttributes(attributes);
  for (const link of links) size += LINK + sizeOfAttributes(link.attributes);
  for (const event of events) size += EVENT + sizeOfText(event.name) + sizeOfAttributes(event.attributes);
  return size;
}

/** Returns about how many bytes of memory a scope takes. */
export function sizeOfScope({ name, version }: CollectedSpan['scope']): number {
  return sizeOfText(name) + sizeOfText(version);
}

/** Returns about how many bytes of memory attributes take. */
export function sizeOfAttributes(attributes: SpanAttributes): number {
  let size = 0;
  for (const [key, value] of Object.entries(attributes)) size += ATTRIBUTE + sizeOfText(key) + sizeOfValue(value);
  return size === 0 ? 0 : size + ATTRIBUTES;
}

function sizeOfValue(value: AttributeValue): number {
  if (typeof value === 'string') return sizeOfText(value);
  if (typeof value !== 'object' || value === null) return ELEMENT;
  if (!isList(value)) return sizeOfAttributes(value);
  let size = ELEMENT;
  for (const element of value) size += ELEMENT + sizeOfValue(element);
  return size;
}

function isList(value: readonly AttributeValue[] | SpanAttributes): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

/** One byte a character while all are ASCII, two at most otherwise. */
function sizeOfText(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  return TEXT + (Buffer.byteLength(text) === text.length ? text.length : 2 * text.length);
}
