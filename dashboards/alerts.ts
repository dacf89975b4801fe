/**
 * The alert rules, as Grafana's file provisioning takes them: one query of ClickHouse and one threshold each.
 * A rule's query gives one row per project or provider, its labels and one number. Alerts know no
 * variables and no `$__conditionalAll`: the plugin resolves those in the browser only.
 * https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
 */
import { stringify } from 'yaml';
import { BOARDS, type BoardName } from './links.ts';
import { lossByProxy } from './pipeline.ts';
import { CALLS_IN_RANGE, FAILED, INGEST_LAG_MS, lines, startedWithin } from './sql.ts';
import { PLUGIN } from './variables.ts';

export const ALERTS_FILE = new URL('../deploy/grafana/provisioning/alerting/glassway.yaml', import.meta.url);
/** That of deploy/grafana/provisioning/datasources: rules name a data source by its uid, there is no variable for it. */
export const DATASOURCE_UID = 'glassway-clickhouse';

interface Rule {
  readonly uid: string;
  readonly title: string;
  readonly summary: string;
  /** What whoever is woken by it does first. */
  readonly todo: string;
  readonly board: BoardName;
  readonly severity: 'warning' | 'critical';
  readonly windowMinutes: number;
  readonly forMinutes: number;
  readonly above: number;
  /** Gives at most one row for each set of labels, its number named `value`. */
  readonly sql: string;
}

const MINUTES = ({ windowMinutes }: { readonly windowMinutes: number }) => windowMinutes * 60;
/** Below so many calls a share says nothing. */
const CALLS_MIN = 20;

/** Change these to your own; a file provisioned by Grafana cannot be edited there. */
export const MONTHLY_BUDGET_USD = 1000;

export const RULES: readonly Rule[] = [
  {
    uid: 'glassway-error-rate',
    title: 'Error rate of a project over 5 %',
    summary: '{{ $labels.project }}: {{ humanizePercentage $values.A.Value }} of the calls of the last 10 minutes failed.',
    todo: 'Board Errors, filtered by the project, says which outcome, provider and model it is, and what the provider says.',
    board: 'errors',
    severity: 'critical',
    windowMinutes: 10,
    forMinutes: 5,
    above: 0.05,
    sql: lines([
      `SELECT toString(c.project) AS project, countIf(${FAILED}) / count() AS value`,
      `FROM calls AS c WHERE ${CALLS_IN_RANGE} GROUP BY project HAVING count() >= ${CALLS_MIN}`,
    ]),
  },
  {
    uid: 'glassway-ttft',
    title: 'p95 time to first token over 10 s',
    summary: '{{ $labels.model }} ({{ $labels.provider }}): 95 of 100 streams begin within {{ $values.A.Value }} ms.',
    todo: 'Board Latency compares it with other models and shows since when; a longer prompt or another region may be why.',
    board: 'latency',
    severity: 'warning',
    windowMinutes: 15,
    forMinutes: 5,
    above: 10_000,
    sql: lines([
      'SELECT toString(c.provider) AS provider, toString(c.request_model) AS model, quantileExact(0.95)(assumeNotNull(c.ttft_ms)) AS value',
      `FROM calls AS c WHERE ${CALLS_IN_RANGE} AND c.ttft_ms IS NOT NULL GROUP BY provider, model HAVING count() >= ${CALLS_MIN}`,
    ]),
  },
  {
    uid: 'glassway-budget',
    title: 'Spend of this month over 80 % of the budget',
    summary: `{{ humanizePercentage $values.A.Value }} of ${MONTHLY_BUDGET_USD} USD is spent.`,
    todo: 'Board Cost shows who spends it and what the month will come to. The budget stands in this rule: set it to your own.',
    board: 'cost',
    severity: 'warning',
    windowMinutes: 60,
    forMinutes: 0,
    above: 0.8,
    sql: `SELECT toFloat64(sum(c.cost_usd)) / ${MONTHLY_BUDGET_USD} AS value FROM calls_by_minute AS c WHERE c.minute >= toStartOfMonth(now()) HAVING count() > 0`,
  },
  {
    uid: 'glassway-spend-spike',
    title: 'A project spends over three times its usual',
    summary: '{{ $labels.project }}: the last hour cost {{ humanize $values.A.Value }} times the average hour of the last week.',
    todo: 'Board Cost, filtered by the project, says which model, user and tag it is; a loop of an agent looks like this.',
    board: 'cost',
    severity: 'warning',
    windowMinutes: 60,
    forMinutes: 10,
    above: 3,
    sql: lines([
      'SELECT toString(c.project) AS project,',
      '  ifNull(toFloat64(sumIf(c.cost_usd, c.minute >= now() - toIntervalHour(1))), 0) / (toFloat64(sumIf(c.cost_usd, c.minute < now() - toIntervalHour(1))) / 167) AS value',
      'FROM calls_by_minute AS c WHERE c.minute >= now() - toIntervalDay(7) GROUP BY project',
      // A week's history and a dollar: a new project's first hour is no spike.
      'HAVING min(c.minute) < now() - toIntervalDay(6) AND sumIf(c.cost_usd, c.minute >= now() - toIntervalHour(1)) >= 1 AND isFinite(value)',
    ]),
  },
  {
    uid: 'glassway-provider-outage',
    title: 'A provider does not answer',
    summary:
      '{{ $labels.provider }}: {{ humanizePercentage $values.A.Value }} of the calls of the last 5 minutes ended in its own errors, timeouts or no connection.',
    todo: 'See the provider’s status page; send the calls to another upstream until it answers. Glassway itself passes on what it gets.',
    board: 'errors',
    severity: 'critical',
    windowMinutes: 5,
    forMinutes: 2,
    above: 0.5,
    sql: lines([
      "SELECT toString(c.provider) AS provider, countIf(c.outcome IN ('provider_error', 'timeout', 'unreachable')) / count() AS value",
      `FROM calls AS c WHERE ${CALLS_IN_RANGE} GROUP BY provider HAVING count() >= 5`,
    ]),
  },
  {
    uid: 'glassway-not-priced',
    title: 'Calls without a known price',
    summary: '{{ $labels.model }} ({{ $labels.provider }}): {{ $values.A.Value }} calls of the last hour have no known price.',
    todo: 'Give the model a price (prices: in glassway.yaml), or newer list prices (priceCatalogue:), then run `glassway reprice`.',
    board: 'cost',
    severity: 'warning',
    windowMinutes: 60,
    forMinutes: 0,
    above: 0,
    sql: lines([
      'SELECT toString(c.provider) AS provider, toString(c.request_model) AS model, toFloat64(count()) AS value',
      `FROM calls AS c WHERE ${CALLS_IN_RANGE} AND c.cost_usd IS NULL AND (c.input_tokens IS NOT NULL OR c.output_tokens IS NOT NULL) GROUP BY provider, model`,
    ]),
  },
  {
    uid: 'glassway-loss',
    title: 'Calls were lost',
    summary: 'Proxy {{ $labels.proxy }}: {{ $values.A.Value }} calls of the last 6 hours were carried and are not stored.',
    todo: 'Board Pipeline says which proxy, and why records were dropped. A proxy whose disk is gone loses what was on it; its logs say what it gave up.',
    board: 'pipeline',
    severity: 'critical',
    windowMinutes: 360,
    forMinutes: 0,
    above: 0,
    sql: lines(['SELECT proxy, toFloat64(missing) AS value', 'FROM (', lossByProxy('$__fromTime_ms', '$__toTime_ms'), ')']),
  },
  {
    uid: 'glassway-ingest-lag',
    title: 'Calls arrive late',
    summary:
      'Half of the calls that were stored in the last 10 minutes arrived more than {{ humanizeDuration $values.A.Value }} after their end.',
    todo: 'Board Pipeline shows whether batches are refused or inserts are slow. Proxies keep their records until ingest takes them.',
    board: 'pipeline',
    severity: 'warning',
    windowMinutes: 10,
    forMinutes: 5,
    above: 120,
    // By when they were stored: late ones started long before the window.
    sql: lines([
      `SELECT quantileExact(0.5)(${INGEST_LAG_MS}) / 1000 AS value`,
      `FROM calls AS c WHERE $__timeFilter_ms(c.ingested_at) AND ${startedWithin('$__fromTime - toIntervalDay(1)', '$__toTime')} HAVING count() > 0`,
    ]),
  },
];

export function alertsText(): string {
  const head = [
    '# Made by `npm run dashboards` from dashboards/alerts.ts: change it there.',
    `# Needs the data source with uid ${DATASOURCE_UID} (provisioning/datasources/glassway.yaml).`,
    '# "OK" for no data: a quiet night is not an alert.',
  ];
  const groups = [{ orgId: 1, name: 'glassway', folder: 'Glassway', interval: '1m', rules: RULES.map(ruleYaml) }];
  return `${head.join('\n')}\n${stringify({ apiVersion: 1, groups }, { lineWidth: 0 })}`;
}

function ruleYaml(rule: Rule): object {
  return {
    uid: rule.uid,
    title: rule.title,
    condition: 'B',
    for: `${rule.forMinutes}m`,
    noDataState: 'OK',
    execErrState: 'Error',
    labels: { severity: rule.severity, source: 'glassway' },
    annotations: { summary: rule.summary, description: rule.todo, __dashboardUid__: BOARDS[rule.board].uid },
    data: [
      {
        refId: 'A',
        datasourceUid: DATASOURCE_UID,
        queryType: 'table',
        relativeTimeRange: { from: MINUTES(rule), to: 0 },
        model: {
          refId: 'A',
          datasource: { type: PLUGIN, uid: DATASOURCE_UID },
          editorType: 'sql',
          format: 1,
          queryType: 'table',
          rawSql: rule.sql,
          intervalMs: 60_000,
          maxDataPoints: 43_200,
        },
      },
      {
        refId: 'B',
        datasourceUid: '__expr__',
        relativeTimeRange: { from: 0, to: 0 },
        model: {
          refId: 'B',
          type: 'threshold',
          datasource: { type: '__expr__', uid: '__expr__' },
          expression: 'A',
          conditions: [{ evaluator: { type: 'gt', params: [rule.above] } }],
        },
      },
    ],
  };
}
