import { isIP } from 'node:net';
import { MAX_HOST } from '../diagnostics.ts';
import type { Target } from '../parties.ts';
import type { Pattern } from './options.ts';
import { matcher } from './pattern.ts';

const PRIVATE_SUFFIXES = ['.internal', '.local', '.svc', '.cluster.local', '.localhost'];
const MAX_REMEMBERED = 1000;

/**
 * Returns the rule that tells whose a target is. Ours by default: in-memory peers, message brokers, loopback and private
 * addresses, `.internal`, `.local`, `.svc`, `.cluster.local`, single-label names. A stdio server is a program like any other
 * and is not. `option` adds names and patterns, or decides for all; so does `THROUGHLINE_FIRST_PARTY`, read once here.
 */
export function firstPartyRule(option: boolean | readonly Pattern[] | undefined): (target: Target) => boolean {
  if (typeof option === 'boolean') return () => option;
  const fromEnvironment = (process.env['THROUGHLINE_FIRST_PARTY'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name.length > 0);
  const named = matcher([...(option === undefined ? [] : option), ...fromEnvironment], 'firstParty');
  // Hosts repeat on every call; the bound keeps a crawler from filling the memory.
  const remembered = new Map<string, boolean>();
  return (target) => {
    switch (target.channel) {
      case 'memory':
      case 'broker':
        return true;
      case 'process':
        return target.host !== undefined && named(target.host);
      case 'host': {
        const host = target.host;
        // Nobody has a name that is longer than a name can be.
        if (host === undefined || host === '' || host.length > MAX_HOST) return false;
        const known = remembered.get(host);
        if (known !== undefined) return known;
        const ours = isPrivateHost(host) || named(host.toLowerCase());
        if (remembered.size >= MAX_REMEMBERED) remembered.clear();
        remembered.set(host, ours);
        return ours;
      }
    }
  };
}

/** Whether a host name or address (brackets allowed, no port) is loopback, private or single-label. */
export function isPrivateHost(hostname: string): boolean {
  let host = hostname.toLowerCase();
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1);
  if (host.endsWith('.')) host = host.slice(0, -1);
  switch (isIP(host)) {
    case 4:
      return isPrivateIPv4(host);
    case 6:
      return isPrivateIPv6(host);
    default:
      return host.length > 0 && (!host.includes('.') || PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix)));
  }
}

function isPrivateIPv4(host: string): boolean {
  const [a = 0, b = 0] = host.split('.').map(Number);
  // RFC 1918, loopback, link-local.
  return (
    a === 10 || a === 127 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168) || (a === 169 && b === 254)
  );
}

function isPrivateIPv6(host: string): boolean {
  if (host === '::1') return true;
  const mapped = host.startsWith('::ffff:') ? host.slice(7) : '';
  if (isIP(mapped) === 4) return isPrivateIPv4(mapped);
  if (mapped !== '') {
    // URL parsers write a mapped address in hexadecimal: ::ffff:7f00:1.
    const [high = '', low = ''] = mapped.split(':');
    const value = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
    return isPrivateIPv4([24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.'));
  }
  // fc00::/7 unique local, fe80::/10 link-local.
  return /^f[cd]|^fe[89ab]/.test(host);
}
