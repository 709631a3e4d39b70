import type { ChainBoundary, ChainFinding, ChainReport } from '@throughline/verify';
import { artifactOf } from '../artifact.ts';
import { findingPage } from './finding-page.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const MAX_PLACES = 10;

/**
 * Returns the report as SARIF 2.1.0, which code hosts and editors show: a result for each finding, at the code that its spans tell of.
 * `folder` is what paths are relative to.
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarif(report: ChainReport, folder: string, version: string): string {
  const { verdict, findings, chains, traces, services } = report;
  const codes = [...new Set(findings.map(({ code }) => code))];
  const isJudged = verdict === 'sound' || verdict === 'broken';
  const run = {
    tool: {
      driver: {
        name: 'throughline',
        version,
        informationUri: 'https://github.com/throughline/throughline',
        rules: codes.map((code) => ({ id: code, helpUri: findingPage(code) })),
      },
    },
    invocations: [
      {
        executionSuccessful: isJudged,
        ...(isJudged
          ? {}
          : { toolExecutionNotifications: [{ level: 'error', message: { text: `the capture is ${verdict}` } }] }),
      },
    ],
    properties: { verdict, chains, traces, services, spans: report.spans },
    results: findings.map((finding) => ({
      ruleId: finding.code,
      ruleIndex: codes.indexOf(finding.code),
      level: finding.severity,
      message: { text: finding.message },
      locations: locations(finding, folder),
      // The same break in another run has other spans.
      partialFingerprints: { 'boundary/v1': fingerprint(finding) },
      properties: { boundary: finding.boundary, spans: finding.spans, count: finding.count },
    })),
  };
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs: [run] }, undefined, 2)}\n`;
}

function locations({ spans, boundary }: ChainFinding, folder: string): object[] {
  const logicalLocations = logical(boundary);
  const known = new Map<string, object>();
  for (const { code } of spans) {
    if (code === undefined || known.size === MAX_PLACES) continue;
    const { uri, line } = artifactOf(code, folder);
    const region = line === undefined ? undefined : { region: { startLine: line } };
    known.set(`${uri}:${line}`, { artifactLocation: { uri }, ...region });
  }
  if (known.size > 0) return Array.from(known.values(), (physicalLocation) => ({ physicalLocation, logicalLocations }));
  return logicalLocations.length > 0 ? [{ logicalLocations }] : [];
}

function logical({ from, to }: ChainBoundary = {}): object[] {
  return [from, to].flatMap((name) => (name === undefined ? [] : [{ name, kind: 'service' }]));
}

function fingerprint({ code, boundary: { from, to, transport, over, missing } = {} }: ChainFinding): string {
  return JSON.stringify([code, from ?? null, to ?? null, transport ?? null, over ?? null, missing ?? null]);
}
