import { readFile, writeFile } from 'node:fs/promises';
import { contractOf, readContract } from '@throughline/verify';
import type { ChainContract, ChainReport, CheckChainsOptions } from '@throughline/verify';
import { parse, stringify } from 'yaml';
import type { ReportOptions } from './report.ts';

const SCHEMA = 'https://raw.githubusercontent.com/throughline/throughline/main/packages/verify/contract.schema.json';

/**
 * Judges by the options, and writes the contract that a good run fulfils where it is asked for. Throws an `Error` that names the
 * file of a contract which cannot be read.
 */
export async function judge(
  check: (judging: CheckChainsOptions) => ChainReport,
  options: ReportOptions,
): Promise<ChainReport> {
  const { services, expect, settleMs, contract, writeContract } = options;
  const judged = check({
    services,
    expect,
    settleMs,
    contract: contract === undefined ? undefined : await contractIn(contract),
  });
  if (writeContract !== undefined) {
    if (judged.verdict !== 'sound')
      throw new Error(`${writeContract} is not written: the capture is ${judged.verdict}`);
    const text = stringify(contractOf(judged));
    await writeFile(writeContract, `# yaml-language-server: $schema=${SCHEMA}\n${text}`);
  }
  return judged;
}

async function contractIn(file: string): Promise<ChainContract> {
  try {
    // JSON is YAML too.
    return readContract(parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
