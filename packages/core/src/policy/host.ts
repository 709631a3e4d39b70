import { addressRanges, isIP, withoutZone } from './address.ts';

/**
 * Returns a host name or address in the one form that is compared, and `undefined` for a text that is no host: lower case, IDNA in
 * ASCII, an IPv4 address in four decimal numbers, an IPv6 address in its short form without brackets and zone. The dot at the end
 * of an absolute name stays.
 *
 * https://url.spec.whatwg.org/#concept-host-parser
 */
export function canonicalHost(given: string): string | undefined {
  const text = given.startsWith('[') && given.endsWith(']') ? given.slice(1, -1) : given;
  const isIPv6 = isIP(text) === 6;
  // What would end a host in a URL is no part of one.
  if (!isIPv6 && /[:/?#@\\]/.test(text)) return undefined;
  try {
    const { hostname } = new URL(isIPv6 ? `http://[${withoutZone(text)}]/` : `http://${text}/`);
    return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  } catch {
    return undefined;
  }
}

/** Returns a name without the dot that makes it absolute: `planner.internal.` is `planner.internal`. */
export function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Whether a host, name or address, is loopback, private or single-label, and serves no metadata of a cloud. */
export function isPrivateHost(given: string): boolean {
  const host = canonicalHost(given);
  if (host === undefined) return false;
  return isIP(host) === 0 ? isPrivateName(host) : isPrivateAddress(host);
}

const PRIVATE_SUFFIXES = ['.internal', '.local', '.svc', '.cluster.local', '.localhost'];
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'instance-data',
  'instance-data.ec2.internal',
]);

function isPrivateName(host: string): boolean {
  const name = withoutDot(host);
  if (METADATA_NAMES.has(name)) return false;
  // Absolute, it is no name of a search domain but a top-level one, such as `ai.`, whose owner may serve anything there.
  if (!name.includes('.')) return host === name || name === 'localhost';
  return PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** Whether a text is an IP address, and loopback or private: an IPv4 address inside an IPv6 one is that IPv4 address. */
export function isPrivateAddress(address: string): boolean {
  return isAmongPrivate(address) && !isAmongMetadata(address);
}

// Link-local ones are in neither: on a cloud they serve metadata and credentials, elsewhere whoever is on the same wire.
const isAmongPrivate = addressRanges(
  // Loopback.
  ['127.0.0.0', 8],
  ['::1', 128],
  // RFC 1918.
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  // Unique local, RFC 4193.
  ['fc00::', 7],
);

// Private by their number, and a cloud's own: AWS, Google Cloud, Oracle, Scaleway, Linode, Alibaba.
const isAmongMetadata = addressRanges(
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['fd00:c1::a9fe:a9fe', 128],
  ['fd00:42::42', 128],
  ['fd00:a9fe:a9fe::1', 128],
  ['fd00:100::100:200', 128],
);
