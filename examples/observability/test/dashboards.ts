import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../grafana/', import.meta.url);

/** A query of a panel, as Grafana sends it: its interval is a minute. */
export interface PanelQuery {
  readonly title: string;
  readonly expression: string;
  /** What the legend of the panel shows of a series. */
  readonly legendLabels: readonly string[];
}

/** Returns the queries of all panels of all dashboards. */
export function panelQueries(): PanelQuery[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const dashboard = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Dashboard;
    return dashboard.panels.flatMap((panel) =>
      panel.targets.map(({ expr, legendFormat }) => ({
        title: `${dashboard.title}: ${panel.title}`,
        expression: expr.replaceAll('$__rate_interval', '1m'),
        legendLabels: Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label ?? ''),
      })),
    );
  });
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly { title: string; targets: readonly { expr: string; legendFormat: string }[] }[];
}
