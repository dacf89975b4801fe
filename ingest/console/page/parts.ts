/** Small pieces that several views use: error states, badges, marks, the dismissal of what floats. */
import { html, useEffect, useRef, type VNode } from '../vendor/preact.js';
import type { LoadError } from './data.ts';
import { OUTCOME_LABELS, outcomeLabel } from './outcomes.ts';

export { OUTCOME_LABELS, outcomeLabel } from './outcomes.ts';

export function OutcomeBadge({ outcome }: { outcome: string }): VNode {
  return html`<span class=${`badge tone-${OUTCOME_LABELS[outcome]?.tone ?? 'quiet'}`}>${outcomeLabel(outcome)}</span>`;
}

const FAILURE_TITLES: Readonly<Record<LoadError['code'], string>> = {
  clickhouse_unavailable: 'ClickHouse is not available',
  console_unreachable: 'Glassway is not answering',
  query_too_heavy: 'This question is too heavy',
  bad_parameter: 'This link asks for something impossible',
  not_found: 'Not found',
  host_not_allowed: 'This address is not allowed',
  login_required: 'Signed out',
  internal: 'Something went wrong',
};
const RECOVERS: ReadonlySet<LoadError['code']> = new Set(['clickhouse_unavailable', 'console_unreachable', 'query_too_heavy', 'internal']);

/** An error state: what is wrong, what to do, and whether the page tries again. `slim`: a banner over older figures. */
export function Failure({ error, slim = false, since }: { error: LoadError; slim?: boolean; since?: string | undefined }): VNode {
  return html`
    <section class=${slim ? 'failure slim' : 'failure'} role="alert">
      <span class="failure-mark" aria-hidden="true">!</span>
      <div>
        <h2>${FAILURE_TITLES[error.code] ?? FAILURE_TITLES.internal}</h2>
        <p>${error.message}</p>
        ${RECOVERS.has(error.code) && html`<p class="muted retry"><span class="spinner" aria-hidden="true"></span>${since ? `Figures are as of ${since}. ` : ''}Trying again every few seconds.</p>`}
        ${error.code === 'bad_parameter' && html`<p><a href="./">Go to the overview</a></p>`}
      </div>
    </section>`;
}

/** Closes something that floats: Escape, or a press outside of it. Gives the ref to put on it. */
export function useDismiss(open: boolean, close: () => void): { current: HTMLElement | null } {
  const ref = useRef<HTMLElement | null>(null);
  useEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    };
    const onPress = (event: PointerEvent): void => {
      if (event.target instanceof Node && !ref.current?.contains(event.target)) close();
    };
    addEventListener('keydown', onKey, true);
    addEventListener('pointerdown', onPress, true);
    return () => {
      removeEventListener('keydown', onKey, true);
      removeEventListener('pointerdown', onPress, true);
    };
  }, [open]);
  return ref;
}

/** A link that changes the page's state without loading it, and still opens in a new tab when asked to. */
export function plainClick(event: MouseEvent, act: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  act();
}
