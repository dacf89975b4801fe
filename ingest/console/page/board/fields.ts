/** How the columns of a panel are shown: the JSON's defaults with the overrides for one column over them. Pure. */

import type { FieldDefaults, Link, Panel, Threshold } from '../../board-types.ts';
import { type Format, formatOf, tickOf } from './units.ts';

export interface Field {
  readonly title: string;
  readonly unit: string;
  readonly format: Format;
  readonly tick: Format;
  readonly widthPx: number | undefined;
  readonly links: readonly Link[];
  readonly thresholds: readonly Threshold[];
  /** Of a table's cells: whether they have the colour of their thresholds. */
  readonly coloured: boolean;
}

const NO_DEFAULTS: FieldDefaults = {};

export function fieldOf(panel: Panel, name: string): Field {
  const { defaults = NO_DEFAULTS, overrides = [] } = panel.fieldConfig ?? {};
  const properties = new Map(
    overrides
      .filter(({ matcher }) => matcher.id === 'byName' && matcher.options === name)
      .flatMap((override) => override.properties.map(({ id, value }) => [id, value] as const)),
  );
  const number = (id: string, fallback?: number): number | undefined => {
    const value = properties.get(id);
    return typeof value === 'number' ? value : fallback;
  };
  const unit = String(properties.get('unit') ?? defaults.unit ?? 'short');
  return {
    title: String(properties.get('displayName') ?? name),
    unit,
    format: formatOf(unit, number('decimals', defaults.decimals)),
    tick: tickOf(unit),
    widthPx: number('custom.width'),
    links: (properties.get('links') as readonly Link[] | undefined) ?? [],
    thresholds: (properties.get('thresholds') as FieldDefaults['thresholds'])?.steps ?? defaults.thresholds?.steps ?? [],
    coloured: properties.has('custom.cellOptions') && properties.has('thresholds'),
  };
}

/** Grafana's colour names → the style sheet's. */
export const COLOUR_VARIABLES: Readonly<Record<string, string>> = { green: '--good', orange: '--warn', red: '--bad' };

export function colourVariable(colour: string): string {
  return COLOUR_VARIABLES[colour] ?? '--text';
}

/** What a value means by its thresholds, in words too: colour alone says nothing to many. */
export function gradeOf(
  thresholds: readonly Threshold[],
  value: number | null,
): { readonly colour: string; readonly word: string } | undefined {
  if (value === null) return undefined;
  const reached = thresholds.filter((step) => step.value === null || value >= step.value).at(-1);
  if (reached === undefined) return undefined;
  const word = { green: 'good', orange: 'warning', red: 'critical' }[reached.color] ?? '';
  return { colour: colourVariable(reached.color), word };
}
