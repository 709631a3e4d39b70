/** How the contract came out for one end of one thing that is wrapped, on the peers of one project of the tests. */
export interface ContractRow {
  /** The folder of the package. */
  readonly adapter: string;
  /** `sdk3` has the newest version of every peer, `oldest` the first. */
  readonly project: string;
  readonly harness: string;
  readonly part: string;
  passed: number;
  failed: number;
  /** What the transport cannot do, as the harness says. */
  readonly cannot: string[];
}

const NAME = /^(.+), (outbound|inbound|objects|functions): .+?(?: \(not here: (.+)\))?$/;

/** Returns what the name of a case of `adapterContract` says, or `undefined` where it is none. */
export function contractCase(name: string): { harness: string; part: string; reason: string | undefined } | undefined {
  const [, harness, part, reason] = NAME.exec(name) ?? [];
  return harness === undefined || part === undefined ? undefined : { harness, part, reason };
}
