import type { ChainBoundary, ChainFinding, ChainReport, CollectedSpan } from '@throughline/verify';
import { codePlace } from '../code-place.ts';
import { findingPage } from './finding-page.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const MAX_PLACES = 10;

/**
 * Returns the report as SARIF 2.1.0, which code hosts and editors show: a result for each finding, at the code that its spans tell of.
 * `folder` is what paths are relative to.
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarif(report: ChainReport, spans: Iterable<CollectedSpan>, folder: string, version: string): string {
  const { verdict, findings, chains, traces, services } = report;
  const codes = [...new Set(findings.map(({ code }) => code))];
  const places = placesOf(findings, spans, folder);
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
      locations: locations(finding, places),
      // The same break in another run has other spans.
      partialFingerprints: { 'boundary/v1': fingerprint(finding) },
      properties: { boundary: finding.boundary, spans: finding.spans, count: finding.count },
    })),
  };
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs: [run] }, undefined, 2)}\n`;
}

type Places = ReadonlyMap<string, object>;

/** The places in the code that the spans of findings tell of, by the span. */
function placesOf(findings: readonly ChainFinding[], spans: Iterable<CollectedSpan>, folder: string): Places {
  const wanted = new Set(findings.flatMap(({ spans: shown }) => shown.map(nameOf)));
  const places = new Map<string, object>();
  if (wanted.size === 0) return places;
  for (const span of spans) {
    const name = nameOf(span);
    const place = wanted.has(name) ? codePlace(span, folder) : undefined;
    if (place === undefined) continue;
    const { uri, line } = place;
    places.set(name, {
      artifactLocation: { uri },
      ...(line === undefined ? {} : { region: { startLine: line } }),
    });
  }
  return places;
}

function nameOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return `${traceId}/${spanId}`;
}

function locations({ spans, boundary }: ChainFinding, places: Places): object[] {
  const logicalLocations = logical(boundary);
  const known = new Map<string, object>();
  for (const span of spans) {
    const place = places.get(nameOf(span));
    if (place !== undefined && known.size < MAX_PLACES) known.set(JSON.stringify(place), place);
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
