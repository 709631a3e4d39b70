/**
 * Returns the `traceparent` of an X-Ray header, `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled=1`; `undefined` for what is none,
 * or is not sampled: services and SDKs put a header of that kind on everything, also where nobody traces, and a trace below it would
 * not be sampled either. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
export function xrayTraceparent(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > MAX_HEADER) return undefined;
  let root: string | undefined;
  let parent: string | undefined;
  let sampled: string | undefined;
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    const value = part.slice(equals + 1).trim();
    switch (part.slice(0, equals).trim()) {
      case 'Root':
        root = ROOT.exec(value)?.slice(1).join('');
        break;
      case 'Parent':
        parent = PARENT.test(value) ? value : undefined;
        break;
      case 'Sampled':
        sampled = value;
        break;
    }
  }
  if (root === undefined || parent === undefined || sampled !== '1') return undefined;
  return `00-${root}-${parent}-01`.toLowerCase();
}

const MAX_HEADER = 1024;
const ROOT = /^1-([\da-f]{8})-([\da-f]{24})$/i;
const PARENT = /^[\da-f]{16}$/i;
