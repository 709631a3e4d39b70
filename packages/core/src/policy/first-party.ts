import { MAX_HOST } from '../diagnostics.ts';
import type { Target } from '../parties.ts';
import { canonicalHost, isPrivateHost, withoutDot } from './host.ts';
import type { Pattern } from './options.ts';
import { matcher } from './pattern.ts';

const MAX_REMEMBERED = 1000;

/**
 * Returns the rule that tells whose a target is. Ours by default: in-memory peers, message brokers, loopback and private
 * addresses, `.internal`, `.local`, `.svc`, `.cluster.local`, single-label names; not link-local addresses and what else serves
 * the metadata of a cloud. A stdio server is a program like any other and is not. `option` adds names and patterns, or decides for
 * all; so does `THROUGHLINE_FIRST_PARTY`, read once here.
 */
export function firstPartyRule(option: boolean | readonly Pattern[] | undefined): (target: Target) => boolean {
  if (typeof option === 'boolean') return () => option;
  const fromEnvironment = (environmentVariable('THROUGHLINE_FIRST_PARTY') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name.length > 0);
  const named = matcher([...(option ?? []), ...fromEnvironment].map(comparablePattern), 'firstParty');
  // Hosts repeat on every call; the bound keeps a crawler from filling the memory.
  const remembered = new Map<string, boolean>();
  return (target) => {
    switch (target.channel) {
      case 'memory':
      case 'broker':
        return true;
      case 'process':
        return target.host !== undefined && named(comparable(target.host));
      case 'host': {
        const host = target.host;
        // Nobody has a name that is longer than a name can be.
        if (host === undefined || host === '' || host.length > MAX_HOST) return false;
        const known = remembered.get(host);
        if (known !== undefined) return known;
        const ours = isPrivateHost(host) || named(comparable(host));
        if (remembered.size >= MAX_REMEMBERED) remembered.clear();
        remembered.set(host, ours);
        return ours;
      }
    }
  };
}

// Names of hosts have no letter case, and one host has many spellings: patterns and targets are compared in one form.
function comparable(host: string): string {
  return withoutDot(canonicalHost(host) ?? host.toLowerCase());
}

function comparablePattern(pattern: Pattern): Pattern {
  if (typeof pattern === 'string') return comparable(pattern);
  return pattern instanceof RegExp ? new RegExp(pattern.source, `${pattern.flags.replace('i', '')}i`) : pattern;
}

// Where there is no process there is no environment, and Deno asks its user before it reads one.
function environmentVariable(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name];
  } catch {
    return undefined;
  }
}
