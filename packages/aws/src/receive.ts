import { propagation } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { w3cFields } from '@throughline/core/adapter';
import { withInput } from './operation.ts';
import type { CommandLike } from './operation.ts';
import type { AwsSettings } from './options.ts';

const TRACE_HEADER = 'AWSTraceHeader';

/** Returns a `ReceiveMessage` that also asks for the attributes that hold the fields, and the command itself where it does. */
export function receiving(command: CommandLike, { hop, xray }: AwsSettings): CommandLike {
  try {
    const { input } = command;
    const fields = fieldsOf(hop.options.propagator);
    const changes: Record<string, unknown> = {};
    const names = withNames(input['MessageAttributeNames'], fields);
    if (names !== undefined) changes['MessageAttributeNames'] = names;
    if (xray) {
      // The older of the two members, unless the caller uses the other: SDKs of before May 2024 leave that one out.
      const member =
        input['MessageSystemAttributeNames'] === undefined ? 'AttributeNames' : 'MessageSystemAttributeNames';
      const system = withNames(input[member], [TRACE_HEADER]);
      if (system !== undefined) changes[member] = system;
    }
    return Object.keys(changes).length === 0 ? command : withInput(command, { ...input, ...changes });
  } catch {
    // What is wrong with it the client reports.
    return command;
  }
}

/** Returns the fields that messages may hold: ours, and those of a propagator of the user's. */
function fieldsOf(propagator: HopOptions['propagator']): readonly string[] {
  try {
    const theirs = (typeof propagator === 'object' ? propagator : propagation).fields();
    return [...new Set([...w3cFields, ...theirs.map((name) => name.toLowerCase())])];
  } catch {
    // One that cannot say what it owns.
    return w3cFields;
  }
}

/** Returns the names that are asked for with further ones, and `undefined` where they are all asked for, or it is no list. */
function withNames(given: unknown, wanted: readonly string[]): unknown[] | undefined {
  if (given === undefined || given === null) return [...wanted];
  if (!Array.isArray(given)) return undefined;
  const missing = wanted.filter((name) => !given.some((one) => covers(one, name)));
  return missing.length === 0 ? undefined : [...(given as unknown[]), ...missing];
}

// `All`, and the start of a name with `.*` behind it. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
function covers(asked: unknown, name: string): boolean {
  if (typeof asked !== 'string') return false;
  return asked === 'All' || asked === name || (asked.endsWith('.*') && name.startsWith(asked.slice(0, -2)));
}
