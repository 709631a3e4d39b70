import { printable } from '../printable.ts';
import type { ChainFinding } from './finding.ts';
import type { ChainHop } from './hops.ts';
import { crossing } from './words.ts';

/** What a system promises of its chains: a file in YAML or JSON, whose schema is `contract.schema.json` of this package. */
export interface ChainContract {
  /** The services that every capture holds. */
  readonly services?: readonly string[];
  /** The hops that there have to be. */
  readonly hops?: readonly ContractHop[];
  /** Whether hops that are not listed are a finding. Default `false`. */
  readonly only?: boolean;
  /** What may not go wrong without an error, and what has to be seen. */
  readonly signals?: SignalRules;
}

/** Which signals a capture may not hold, and which it has to. A kind alone is one of any agent's. */
export interface SignalRules {
  readonly forbid?: readonly (string | ContractSignal)[];
  readonly require?: readonly (string | ContractSignal)[];
}

/** A signal, such as `answer_cut_off`, of one agent or of one service. */
export interface ContractSignal {
  readonly kind: string;
  readonly agent?: string | undefined;
  readonly service?: string | undefined;
}

/** A hop that there has to be. */
export interface ContractHop {
  readonly from: string;
  readonly to: string;
  readonly transport?: string | undefined;
  /** The path, topic, queue or tool. */
  readonly over?: string | undefined;
  /** How often at the least. Default 1. */
  readonly min?: number | undefined;
  /** How often at the most. Default: any number. */
  readonly max?: number | undefined;
}

/**
 * Returns a contract out of what a file held. Throws a `TypeError` that names what is wrong, and where.
 */
export function readContract(value: unknown): ChainContract {
  const contract = record(value, 'a contract', ['$schema', 'services', 'hops', 'only', 'signals']);
  const { services, hops, only, signals } = contract;
  if (services !== undefined && !(Array.isArray(services) && services.every((name) => typeof name === 'string'))) {
    throw new TypeError("`services` of a contract is a list of names, such as ['planner', 'analyst']");
  }
  if (only !== undefined && typeof only !== 'boolean') throw new TypeError('`only` of a contract is true or false');
  if (hops !== undefined && !Array.isArray(hops)) throw new TypeError('`hops` of a contract is a list');
  return {
    ...(services === undefined ? undefined : { services }),
    ...(hops === undefined ? undefined : { hops: hops.map((hop, nth) => hopOf(hop, `hops[${nth}]`)) }),
    ...(only === undefined ? undefined : { only }),
    ...(signals === undefined ? undefined : { signals: signalRulesOf(signals) }),
  };
}

function signalRulesOf(value: unknown): SignalRules {
  const { forbid, require } = record(value, '`signals` of a contract', ['forbid', 'require']);
  return {
    ...(forbid === undefined ? undefined : { forbid: contractSignals(forbid, 'signals.forbid') }),
    ...(require === undefined ? undefined : { require: contractSignals(require, 'signals.require') }),
  };
}

function contractSignals(value: unknown, where: string): (string | ContractSignal)[] {
  if (!Array.isArray(value))
    throw new TypeError(`\`${where}\` of a contract is a list of kinds, such as [answer_cut_off]`);
  return value.map((one: unknown, nth) => {
    if (typeof one === 'string' && one !== '') return one;
    const place = `${where}[${nth}]`;
    const takes = 'is a kind, such as answer_cut_off, or { kind, agent, service }';
    if (typeof one !== 'object' || one === null) throw new TypeError(`${place} of a contract ${takes}`);
    const { kind, agent, service } = record(one, place, ['kind', 'agent', 'service']);
    if (typeof kind !== 'string' || kind === '') throw new TypeError(`${place} of a contract ${takes}`);
    for (const [name, text] of Object.entries({ agent, service })) {
      if (text !== undefined && typeof text !== 'string') throw new TypeError(`\`${name}\` of ${place} is text`);
    }
    return { kind, agent, service } as ContractSignal;
  });
}

function hopOf(value: unknown, where: string): ContractHop {
  const { from, to, transport, over, min, max } = record(value, where, [
    'from',
    'to',
    'transport',
    'over',
    'min',
    'max',
  ]);
  if (typeof from !== 'string' || typeof to !== 'string') {
    throw new TypeError(`${where} of a contract names two services, such as { from: planner, to: analyst }`);
  }
  for (const [name, text] of Object.entries({ transport, over })) {
    if (text !== undefined && typeof text !== 'string') throw new TypeError(`\`${name}\` of ${where} is text`);
  }
  for (const [name, count] of Object.entries({ min, max })) {
    if (count !== undefined && !(Number.isSafeInteger(count) && (count as number) >= 0)) {
      throw new TypeError(`\`${name}\` of ${where} is a whole number`);
    }
  }
  return { from, to, transport, over, min, max } as ContractHop;
}

function record(value: unknown, where: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${where} is an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`${where} has no \`${printable(unknown)}\`: it takes ${known.join(', ')}`);
  return value as Record<string, unknown>;
}

/** Returns the contract that a good run fulfils: its services, and each of its hops once at the least. */
export function contractOf(report: {
  readonly services: readonly string[];
  readonly hops: readonly ChainHop[];
}): ChainContract {
  return {
    services: report.services,
    hops: report.hops.map(({ from, to, transport, over }) => ({
      from,
      to,
      ...(transport === undefined ? undefined : { transport }),
      ...(over === undefined ? undefined : { over }),
    })),
  };
}

/**
 * Returns what of a contract is not fulfilled. `told` is what was found by then: where that says why a hop is missing, it is not told
 * again.
 */
export function contractFindings(
  contract: ChainContract,
  found: readonly ChainHop[],
  told: readonly ChainFinding[],
): ChainFinding[] {
  const { hops = [], only = false } = contract;
  const findings: ChainFinding[] = [];
  const say = (hop: Pick<ContractHop, 'from' | 'to' | 'transport' | 'over'>, message: string, count: number): void => {
    const { from, to, transport, over } = hop;
    const way = {
      ...(transport === undefined ? undefined : { transport }),
      ...(over === undefined ? undefined : { over }),
    };
    findings.push({ code: 'contract', severity: 'error', message, boundary: { from, to, ...way }, spans: [], count });
  };
  for (const hop of hops) {
    const { min = 1, max = Infinity } = hop;
    const count = found.filter((one) => fulfils(one, hop)).reduce((sum, one) => sum + one.count, 0);
    if (count < min && !told.some((finding) => explains(finding, hop)))
      say(hop, `${crossing(hop)}: the contract asks for ${min}, and there ${are(count)}`, count);
    if (count > max)
      say(hop, `${crossing(hop)}: the contract takes ${max} at the most, and there ${are(count)}`, count);
  }
  if (only) {
    for (const one of found) {
      if (!hops.some((hop) => fulfils(one, hop)))
        say(one, `${crossing(one)}: the contract knows of no such hop`, one.count);
    }
  }
  return findings;
}

/** Whether a finding is about the very boundary of a hop. */
function explains({ severity, boundary }: ChainFinding, hop: ContractHop): boolean {
  const agree = (told: string | undefined, wanted: string | undefined): boolean =>
    told === undefined || wanted === undefined || told === wanted;
  return (
    severity === 'error' &&
    boundary?.from === hop.from &&
    boundary.to === hop.to &&
    agree(boundary.transport, hop.transport) &&
    agree(boundary.over, hop.over)
  );
}

function fulfils(one: ChainHop, hop: ContractHop): boolean {
  return (
    one.from === hop.from &&
    one.to === hop.to &&
    (hop.transport === undefined || one.transport === hop.transport) &&
    (hop.over === undefined || one.over === hop.over)
  );
}

function are(count: number): string {
  return count === 1 ? 'is 1' : `are ${count}`;
}
