/** The value of one filter, chosen in a popover: from what there is (with how many calls), typed, or from and to. */
import type { ValuesAnswer } from '../../api-types.ts';
import { html, useEffect, useRef, useState, type VNode } from '../../vendor/preact.js';
import { useLoaded } from '../data.ts';
import { formatCount } from '../format.ts';
import { outcomeLabel } from '../parts.ts';
import { apiQuery, type PageState } from '../url-state.ts';
import {
  type Chip,
  FILTER_NAMES,
  type FilterName,
  type FilterValues,
  filterEntry,
  isNot,
  keyOf,
  namesOf,
  oppositeOf,
  settingOf,
} from './filter-table.ts';

interface EditorProps {
  readonly filter: Chip;
  readonly state: PageState;
  readonly onChange: (values: FilterValues) => void;
  readonly onTurn: (chip: Chip) => void;
  readonly onDone: () => void;
}

const TYPING_MS = 200;
const AMOUNT = /^\d{1,9}(\.\d{1,9})?$/;

export function FilterEditor(props: EditorProps): VNode {
  const { filter, onDone } = props;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.querySelector<HTMLElement>('input, .options button')?.focus(), [filter]);
  const { kind, label } = filterEntry(filter);
  return html`
    <div class="popover" role="dialog" aria-label=${`Filter by ${label.toLowerCase()}`} ref=${place}
      onKeyDown=${(event: KeyboardEvent) => event.key === 'Enter' && event.target instanceof HTMLInputElement && event.target.type === 'checkbox' && onDone()}>
      <${Turn} ...${props} />
      ${
        kind === 'range'
          ? html`<${RangeEditor} ...${props} />`
          : kind === 'choice'
            ? html`<${ChoiceEditor} ...${props} />`
            : kind === 'tag'
              ? html`<${TagEditor} ...${props} />`
              : html`<${ValueList} label=${label} state=${props.state} of=${{ of: keyOf(filter) }} mono=${filterEntry(filter).mono === true} chosen=${props.state.filters[filter as FilterName]}
                  show=${keyOf(filter) === 'outcome' ? outcomeLabel : undefined}
                  onChange=${(values: readonly string[]) => props.onChange(settingOf(props.state.filters, filter as FilterName, values))} />`
      }
    </div>`;
}

/** Whether the values are asked for or left out; those that are chosen go along. */
function Turn({ filter, state, onChange, onTurn }: EditorProps): VNode | null {
  const opposite = oppositeOf(filter);
  if (opposite === undefined) return null;
  const turn = (): void => {
    const values = state.filters[filter as FilterName];
    const kept = state.filters[opposite].filter((value) => !values.includes(value));
    if (values.length > 0) onChange(settingOf(state.filters, opposite, [...kept, ...values]));
    onTurn(opposite);
  };
  const way = (not: boolean, text: string): VNode =>
    html`<button type="button" class="segment small" aria-pressed=${isNot(filter) === not} onClick=${() => isNot(filter) !== not && turn()}>${text}</button>`;
  return html`<span class="ranges turn" role="group" aria-label=${`${filterEntry(filter).label} is, or is not`}>${way(false, 'is')}${way(true, 'is not')}</span>`;
}

interface ListProps {
  readonly label: string;
  readonly state: PageState;
  /** What the API is asked for: `{ of: 'model' }`, `{ of: 'tag', tag_name: 'env' }`. */
  readonly of: Readonly<Record<string, string>>;
  readonly chosen: readonly string[];
  readonly mono?: boolean;
  readonly show?: (value: string) => string;
  readonly onChange: (values: readonly string[]) => void;
}

/** The values there are, most calls first; what is typed narrows them down, and can be taken as it is. */
function ValueList({ label, state, of, chosen, mono = false, show = (value) => value, onChange }: ListProps): VNode {
  const [text, setText] = useState('');
  const [asked, setAsked] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const found = useLoaded<ValuesAnswer>(
    `api/values?${apiQuery(state, FILTER_NAMES, { ...of, ...(asked !== '' && { containing: asked }) })}`,
    0,
  );
  const values = found.data?.values ?? [];
  const known = new Set(values.map(({ value }) => value));
  const kept = asked === '' ? chosen.filter((value) => !known.has(value)) : [];
  const toggle = (value: string): void => onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  const typed = text.trim();
  const row = (value: string, calls: number | undefined): VNode => html`
    <li key=${value}><label><input type="checkbox" checked=${chosen.includes(value)} onChange=${() => toggle(value)} />
      <span class=${mono ? 'ellipsis mono-text' : 'ellipsis'} title=${show(value)}>${show(value)}</span>${calls !== undefined && html`<span class="num muted">${formatCount(calls)}</span>`}</label></li>`;
  return html`
    <input class="field" type="search" placeholder=${`${label}…`} aria-label=${`Find a value of ${label.toLowerCase()}`} value=${text}
      onInput=${(event: { currentTarget: HTMLInputElement }) => setText(event.currentTarget.value)}
      onKeyDown=${(event: KeyboardEvent) => {
        if (event.key !== 'Enter' || typed === '') return;
        event.preventDefault();
        toggle(known.has(typed) || values.length !== 1 ? typed : (values[0]?.value ?? typed));
        setText('');
      }} />
    <ul class=${found.stale ? 'options stale' : 'options'} aria-busy=${found.stale}>
      ${kept.map((value) => row(value, undefined))}
      ${values.map(({ value, calls }) => row(value, calls))}
      ${typed !== '' && !known.has(typed) && html`<li><button type="button" class="link" onClick=${() => toggle(typed)}>Exactly “${typed}”</button></li>`}
      ${found.data && values.length === 0 && typed === '' && kept.length === 0 && html`<li class="muted none">Nothing in this time range</li>`}
      ${found.error && html`<li class="fault none" role="alert">${found.error.message}</li>`}
      ${found.data?.more && html`<li class="muted none">More: type a part of it</li>`}
    </ul>`;
}

function TagEditor({ filter, state, onChange }: EditorProps): VNode {
  const parameter = filter as 'tag' | 'not-tag';
  const chosen = state.filters[parameter];
  const [name, setName] = useState(chosen[0]?.split('=')[0] ?? '');
  if (name === '')
    return html`<p class="hint-line muted small">First the tag’s name</p>
      <${ValueList} label="Tag" state=${state} of=${{ of: 'tag' }} chosen=${[]} onChange=${(names: readonly string[]) => setName((names.at(-1) ?? '').replaceAll('=', ''))} />`;
  const own = chosen.filter((tag) => tag.startsWith(`${name}=`)).map((tag) => tag.slice(name.length + 1));
  const others = chosen.filter((tag) => tag !== name && !tag.startsWith(`${name}=`));
  return html`
    <p class="hint-line small"><button type="button" class="link" onClick=${() => setName('')}>‹ Other tag</button><b>${name}</b></p>
    <${ValueList} key=${name} label=${name} state=${state} of=${{ of: 'tag', tag_name: name }} chosen=${own}
      onChange=${(values: readonly string[]) => onChange(settingOf(state.filters, parameter, [...others, ...values.map((value) => `${name}=${value}`)]))} />`;
}

function ChoiceEditor({ filter, state, onChange, onDone }: EditorProps): VNode {
  const { choices = {}, label } = filterEntry(filter);
  const chosen = state.filters[filter as FilterName][0] ?? '';
  return html`<ul class="options" role="radiogroup" aria-label=${label}>
    ${Object.entries(choices).map(
      ([value, text]) =>
        html`<li key=${value}><label><input type="radio" name=${filter} checked=${chosen === value} onChange=${() => {
          onChange({ [filter]: [value] });
          onDone();
        }} /><span>${text}</span></label></li>`,
    )}
  </ul>`;
}

function RangeEditor({ filter, state, onChange, onDone }: EditorProps): VNode {
  const { unit = '' } = filterEntry(filter);
  const [minName, maxName] = namesOf(filter) as [FilterName, FilterName];
  const [min, setMin] = useState(state.filters[minName][0] ?? '');
  const [max, setMax] = useState(state.filters[maxName][0] ?? '');
  const wrong = [min, max].find((text) => text !== '' && !AMOUNT.test(text));
  const crossed = wrong === undefined && min !== '' && max !== '' && Number(min) > Number(max);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (wrong !== undefined || crossed) return;
    onChange({ [minName]: min === '' ? [] : [min], [maxName]: max === '' ? [] : [max] });
    onDone();
  };
  const field = (
    label: string,
    value: string,
    set: (text: string) => void,
  ): VNode => html`<label>${label} <span class="muted">${unit}</span>
    <input class="field" inputmode="decimal" value=${value} onInput=${(event: { currentTarget: HTMLInputElement }) => set(event.currentTarget.value.trim().replace(',', '.'))} /></label>`;
  return html`<form class="from-to" onSubmit=${submit}>
    ${field('From', min, setMin)}${field('To', max, setMax)}
    ${wrong !== undefined && html`<p class="fault" role="alert">“${wrong}” is no plain number.</p>`}
    ${crossed && html`<p class="fault" role="alert">“From” is more than “To”.</p>`}
    <button type="submit" class="primary" disabled=${wrong !== undefined || crossed}>Apply</button>
  </form>`;
}
