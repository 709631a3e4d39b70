import type { ChainFindingCode } from '@throughline/verify';

/** Returns the address of the page that says what a finding means, how it comes about and how to mend it. */
export function findingPage(code: ChainFindingCode): string {
  return `https://github.com/throughline/throughline/blob/main/docs/findings/${code}.md`;
}
