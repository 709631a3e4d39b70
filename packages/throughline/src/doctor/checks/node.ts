import { minVersion, satisfies } from 'semver';
import { ADAPTERS } from '../adapters.ts';
import { error, listed, ok } from '../finding.ts';
import type { Check } from './check.ts';

const WRAPPED = new Set(ADAPTERS.flatMap(({ libraries }) => Object.keys(libraries)));

/** Holds Node against what OpenTelemetry, our packages and what they wrap ask for. */
export const node: Check = ({ copies, nodeVersion }) => {
  const asking = [...copies.keys()].filter(
    ({ name, node: range }) =>
      range !== undefined && (/^@(opentelemetry|throughline)\//.test(name) || WRAPPED.has(name)),
  );
  if (asking.length === 0) return [];
  const unmet = asking.filter(({ node: range = '*' }) => !satisfies(nodeVersion, range));
  if (unmet.length === 0) return [ok('node', `Node ${nodeVersion} is what ${asking.length} packages ask for`)];
  const ranges = [...new Set(unmet.map(({ node: range = '*' }) => range))];
  const lowest = ranges
    .flatMap((range) => minVersion(range)?.version ?? [])
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0];
  const isThird = unmet.some(
    ({ name, version }) => name.startsWith('@opentelemetry/sdk-') && /^(3|0\.3\d\d)\./.test(version),
  );
  return [
    error(
      'node',
      `Node ${nodeVersion} is not what ${listed(unmet.map(({ name, version }) => `${name} ${version}`))} ${unmet.length === 1 ? 'needs' : 'need'}: ${ranges.join('; ')}`,
      `use Node ${lowest ?? ranges[0]} or later${isThird ? ', or the 2.x line of OpenTelemetry' : ''}`,
    ),
  ];
};
