/** What a list is filtered by: a search field, one chip for each filter that opens to be changed or goes away, and a menu to add one. */
import { html, useEffect, useRef, useState, type VNode } from '../../vendor/preact.js';
import { OUTCOME_LABELS, outcomeLabel, useDismiss } from '../parts.ts';
import type { Change, PageState } from '../url-state.ts';
import { FilterEditor } from './filter-editor.ts';
import {
  CHIPS,
  type Chip as ChipName,
  FILTER_KEYS,
  FILTER_NAMES,
  type FilterKey,
  type FilterName,
  type Filters,
  type FilterValues,
  filterEntry,
  isNot,
  namesOf,
  oppositeOf,
} from './filter-table.ts';

interface BarProps {
  readonly state: PageState;
  readonly change: Change;
}

const SEARCH_DELAY_MS = 350;
/** Every outcome that is an error: what the caller broke off itself is none. */
const ERRORS = Object.keys(OUTCOME_LABELS).filter((outcome) => outcome !== 'ok' && outcome !== 'client_abort');

function activeChips(filters: Filters): readonly ChipName[] {
  return CHIPS.filter((chip) => namesOf(chip).some((name) => filters[name].length > 0));
}

export function FilterBar({ state, change }: BarProps): VNode {
  const [open, setOpen] = useState<ChipName | 'menu' | ''>('');
  const set = (values: FilterValues): void => change({ filters: { ...state.filters, ...values } });
  const active: readonly ChipName[] = activeChips(state.filters).filter((chip) => chip !== 'q');
  const errorsOnly = state.filters.outcome.length === ERRORS.length && ERRORS.every((outcome) => state.filters.outcome.includes(outcome));
  const shown = open !== '' && open !== 'menu' && !active.includes(open) ? [...active, open] : active;
  return html`
    <div class="filters" role="search" aria-label="Filter">
      <${Search} value=${state.filters.q[0] ?? ''} onChange=${(text: string) => change({ filters: { ...state.filters, q: text === '' ? [] : [text] } }, 'replace')} />
      ${shown.map(
        (chip) =>
          html`<${Chip} key=${chip} filter=${chip} state=${state} open=${open === chip} onOpen=${(opened: boolean) => setOpen(opened ? chip : '')} onChange=${set} onTurn=${setOpen} />`,
      )}
      <${AddMenu} open=${open === 'menu'} onOpen=${(opened: boolean) => setOpen(opened ? 'menu' : '')} onPick=${(key: FilterKey) => setOpen(freeChip(key, active) ?? key)}
        keys=${FILTER_KEYS.filter((key) => key !== 'q' && freeChip(key, active) !== undefined)} />
      <button type="button" class="control toggle" aria-pressed=${errorsOnly} onClick=${() => set({ outcome: errorsOnly ? [] : ERRORS })}>Errors only</button>
      ${(active.length > 0 || state.filters.q.length > 0) && html`<button type="button" class="link" onClick=${() => set(Object.fromEntries(FILTER_NAMES.map((name) => [name, []])))}>Clear all</button>`}
    </div>`;
}

/** What of a filter is not there yet: itself, else what it leaves out. */
function freeChip(key: FilterKey, active: readonly ChipName[]): ChipName | undefined {
  return [key, oppositeOf(key)].find((chip) => chip !== undefined && !active.includes(chip));
}

function Search({ value, onChange }: { value: string; onChange: (text: string) => void }): VNode {
  const [text, setText] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    // As in most tools that one searches in.
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest('input, select, textarea') !== null;
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      clearTimeout(timer.current);
    };
  }, []);
  const commit = (next: string, delayMs: number): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(next.trim()), delayMs);
  };
  return html`<input ref=${field} class="field search" type="search" maxlength="512" placeholder="Search id, trace, path, error   /" aria-label="Search calls by id, trace id, path or error" value=${text}
    onInput=${(event: { currentTarget: HTMLInputElement }) => {
      setText(event.currentTarget.value);
      commit(event.currentTarget.value, SEARCH_DELAY_MS);
    }}
    onKeyDown=${(event: KeyboardEvent) => event.key === 'Enter' && commit(text, 0)} />`;
}

interface ChipProps {
  readonly filter: ChipName;
  readonly state: PageState;
  readonly open: boolean;
  readonly onOpen: (open: boolean) => void;
  readonly onChange: (values: FilterValues) => void;
  /** To the other way around: what was asked for is left out. */
  readonly onTurn: (chip: ChipName) => void;
}

function Chip({ filter, state, open, onOpen, onChange, onTurn }: ChipProps): VNode {
  const label = chipLabel(filter);
  const button = useRef<HTMLButtonElement>(null);
  const ref = useDismiss(open, () => {
    onOpen(false);
    button.current?.focus();
  });
  const text = chipText(filter, state.filters);
  const clear = (): void => {
    onOpen(false);
    onChange(Object.fromEntries(namesOf(filter).map((name) => [name, []])));
  };
  return html`
    <div class=${isNot(filter) ? 'picker chip chip-not' : 'picker chip'} ref=${ref}>
      <button type="button" ref=${button} class="chip-text" aria-haspopup="dialog" aria-expanded=${open} onClick=${() => onOpen(!open)}>
        <span class="muted">${label}</span><b class="ellipsis" title=${text}>${text || 'any'}</b></button>
      <button type="button" class="chip-remove" aria-label=${`Remove the filter ${label}: ${text}`} onClick=${clear}>×</button>
      ${open && html`<${FilterEditor} filter=${filter} state=${state} onChange=${onChange} onTurn=${onTurn} onDone=${() => onOpen(false)} />`}
    </div>`;
}

/** What is said before the values: “Model”, “Model is not”. */
export function chipLabel(chip: ChipName): string {
  const { label } = filterEntry(chip);
  return isNot(chip) ? `${label} is not` : label;
}

export function chipText(filter: ChipName, filters: Filters): string {
  const { kind, unit = '', choices } = filterEntry(filter);
  if (kind === 'range') {
    const [min, max] = namesOf(filter).map((name) => filters[name][0]);
    const amount = (value: string): string => (unit === 'US$' ? `$${value}` : `${value} ${unit}`);
    if (min !== undefined && max !== undefined) return `${amount(min)} – ${amount(max)}`;
    return min !== undefined ? `≥ ${amount(min)}` : max !== undefined ? `≤ ${amount(max)}` : '';
  }
  const values = filters[filter as FilterName];
  const isOutcome = filter === 'outcome' || filter === 'not-outcome';
  if (isOutcome && values.length === ERRORS.length && ERRORS.every((outcome) => values.includes(outcome))) return 'any error';
  const show = (value: string): string => (isOutcome ? outcomeLabel(value) : (choices?.[value] ?? value));
  return values.length <= 2 ? values.map(show).join(' or ') : `${show(values[0] ?? '')} or ${values.length - 1} others`;
}

function AddMenu({
  open,
  onOpen,
  onPick,
  keys,
}: {
  open: boolean;
  onOpen: (open: boolean) => void;
  onPick: (key: FilterKey) => void;
  keys: readonly FilterKey[];
}): VNode {
  const button = useRef<HTMLButtonElement>(null);
  const ref = useDismiss(open, () => {
    onOpen(false);
    button.current?.focus();
  });
  useEffect(() => {
    if (open) ref.current?.querySelector<HTMLElement>('.menu button')?.focus();
  }, [open]);
  const move = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const items = [...(ref.current?.querySelectorAll<HTMLElement>('.menu button') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement) + (event.key === 'ArrowDown' ? 1 : -1);
    items[(at + items.length) % items.length]?.focus();
  };
  return html`
    <div class="picker" ref=${ref}>
      <button type="button" ref=${button} class="control" aria-haspopup="true" aria-expanded=${open} onClick=${() => onOpen(!open)}>+ Filter</button>
      ${
        open &&
        html`<div class="popover menu" role="group" aria-label="Filter by" onKeyDown=${move}>
          ${keys.map((key) => html`<button key=${key} type="button" onClick=${() => onPick(key)}>${filterEntry(key).label}</button>`)}
        </div>`
      }
    </div>`;
}
