import type { ChainReport } from '@throughline/verify';

/** Returns the report as JUnit has it, which build servers show: a test case for each finding, or one that passed. */
export function junit({ verdict, findings, chains }: ChainReport): string {
  const failures = findings.filter(({ severity }) => severity === 'error').length + (verdict === 'empty' ? 1 : 0);
  const cases = findings.map(({ code, severity, message }) => {
    const kind = severity === 'error' ? 'failure' : 'system-out';
    const told =
      kind === 'failure'
        ? `<failure type="${code}" message="${escaped(message)}"/>`
        : `<system-out>${escaped(message)}</system-out>`;
    return `    <testcase classname="throughline" name="${code}">${told}</testcase>`;
  });
  if (verdict === 'empty') {
    cases.push(
      '    <testcase classname="throughline" name="spans"><failure type="empty" message="there are no spans to judge"/></testcase>',
    );
  }
  if (cases.length === 0) cases.push(`    <testcase classname="throughline" name="${chains} sound chains"/>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="throughline check" tests="${cases.length}" failures="${failures}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
