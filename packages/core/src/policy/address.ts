/*
 * IP addresses, told and compared without `node:net`: this is also loaded where `node:` is unknown.
 */

/** An address as eight groups of 16 bits. An IPv4 address is the IPv4-mapped IPv6 address: it and that one are the same. */
type Groups = readonly number[];

/** Returns 4 or 6 for the text of an IP address, in decimal numbers or with colons and perhaps a zone, and 0 for any other text. */
export function isIP(text: string): 0 | 4 | 6 {
  if (text.includes(':')) return groupsOf6(text) === undefined ? 0 : 6;
  return bytesOf4(text) === undefined ? 0 : 4;
}

/** Returns an IPv6 address without its zone: `fe80::1%eth0` is `fe80::1`. */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

/** Returns whether an address is in one of some ranges, each written as its first address and how many bits of that count. */
export function addressRanges(
  ...prefixes: readonly (readonly [address: string, bits: number])[]
): (address: string) => boolean {
  const ranges = prefixes.map(([address, bits]) => ({
    first: groupsOf(address) as Groups,
    bits: address.includes(':') ? bits : bits + 96,
  }));
  return (address) => {
    const groups = groupsOf(address);
    return groups !== undefined && ranges.some(({ first, bits }) => hasPrefix(groups, first, bits));
  };
}

function hasPrefix(groups: Groups, first: Groups, bits: number): boolean {
  for (let at = 0; at * 16 < bits; at++) {
    const rest = Math.max(0, 16 - (bits - at * 16));
    if ((groups[at] as number) >> rest !== (first[at] as number) >> rest) return false;
  }
  return true;
}

function groupsOf(address: string): Groups | undefined {
  if (address.includes(':')) return groupsOf6(address);
  const bytes = bytesOf4(address);
  if (bytes === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d];
}

// No number has a zero before it, which some read as octal.
const OCTET = /^(?:0|[1-9]\d{0,2})$/;

function bytesOf4(text: string): readonly number[] | undefined {
  if (text.length > 15) return undefined;
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => OCTET.test(part) && Number(part) < 256)) return undefined;
  return parts.map(Number);
}

// None, or one with a name, of the characters that Node takes.
const ZONE = /^(?:%[\da-z.:-]+)?$/i;
// 45 characters, and a zone.
const MAX_ADDRESS = 128;

function groupsOf6(text: string): Groups | undefined {
  if (text.length > MAX_ADDRESS) return undefined;
  const bare = withoutZone(text);
  if (!/^[\da-f:.]+$/i.test(bare) || !ZONE.test(text.slice(bare.length))) return undefined;
  let hostname: string;
  try {
    ({ hostname } = new URL(`http://[${bare}]/`));
  } catch {
    return undefined;
  }
  // In its short form now, every group a number of base 16.
  const [before = '', after] = hostname.slice(1, -1).split('::');
  const head = numbersOf(before);
  if (after === undefined) return head;
  const tail = numbersOf(after);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function numbersOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
