import type { ChainReport } from '@throughline/verify';

/** Returns the findings as annotations of GitHub Actions. */
export function annotations({ findings }: ChainReport): string {
  return findings
    .map(({ code, severity, message }) => `::${severity} title=${property(code)}::${data(message)}\n`)
    .join('');
}

// https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
function data(words: string): string {
  return words.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(words: string): string {
  return data(words).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
