/**
 * What the console reads of a dashboard's JSON (Grafana's classic schema 42, dashboards/json), and the answers
 * of the API that serves them. Types only, shared by the server and the page.
 */
import type { Period } from './api-types.ts';

export interface BoardSummary {
  /** The name of its file, and of its view. */
  readonly name: string;
  readonly uid: string;
  readonly title: string;
  readonly description: string;
}
export interface BoardsAnswer {
  readonly boards: readonly BoardSummary[];
}

export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export interface Variable {
  readonly type: string;
  readonly name: string;
  readonly label?: string;
  readonly description?: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly sort?: number;
  readonly query?: string | { readonly rawSql: string };
  readonly current?: { readonly value?: string | readonly string[] };
}

export interface Link {
  readonly title: string;
  readonly url: string;
}

export interface Threshold {
  readonly color: string;
  /** NULL: the base, below all others. */
  readonly value: number | null;
}

export interface Target {
  readonly refId: string;
  readonly rawSql?: string;
}

/** Only what our boards set; everything else has Grafana's default. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly interval?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly links?: readonly Link[];
  readonly fieldConfig?: {
    readonly defaults: FieldDefaults;
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly Property[];
    }[];
  };
  readonly options?: PanelOptions;
}
export interface Property {
  readonly id: string;
  readonly value: unknown;
}

export interface FieldDefaults {
  readonly unit?: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly displayName?: string;
  readonly noValue?: string;
  /** Grafana's only: see test/unit/console/board-options.test.ts. */
  readonly color?: { readonly mode: string };
  readonly links?: readonly Link[];
  readonly thresholds?: { readonly steps: readonly Threshold[] };
  readonly custom?: {
    readonly drawStyle?: string;
    readonly fillOpacity?: number;
    readonly lineWidth?: number;
    readonly stacking?: { readonly mode?: string };
    readonly thresholdsStyle?: { readonly mode?: string };
  };
}

export interface PanelOptions {
  readonly legend?: {
    readonly showLegend?: boolean;
    /** A heatmap's. */
    readonly show?: boolean;
    readonly calcs?: readonly string[];
    readonly sortBy?: string;
    readonly sortDesc?: boolean;
  };
  readonly reduceOptions?: { readonly fields?: string; readonly values?: boolean; readonly limit?: number };
  readonly colorMode?: string;
  readonly sortBy?: readonly { readonly displayName: string; readonly desc?: boolean }[];
  readonly content?: string;
  readonly yAxis?: { readonly unit?: string };
  readonly rowsFrame?: { readonly value?: string };
  readonly color?: { readonly exponent?: number };
}

export interface Column {
  readonly name: string;
  /** `time`: milliseconds since 1970. */
  readonly kind: 'time' | 'number' | 'text';
  readonly values: readonly (number | string | null)[];
}

/** The rows of one query, column by column, all of one length. */
export interface PanelAnswer extends Period {
  readonly interval_ms: number;
  readonly columns: readonly Column[];
}

export interface VariableAnswer extends Period {
  readonly values: readonly string[];
}
