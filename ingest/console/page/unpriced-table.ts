/** Models without a known price: what the sums of money leave out, and how to mend it. Nothing when all are priced. */

import type { UnpricedAnswer, UnpricedModel } from '../api-types.ts';
import { html, type VNode } from '../vendor/preact.js';
import { useLoaded } from './data.ts';
import { formatCount, formatWhole } from './format.ts';
import { plainClick } from './parts.ts';
import { apiQuery, atView, type Change, formatState, type PageState, refreshSeconds } from './url-state.ts';

export function UnpricedTable({ state, change }: { state: PageState; change: Change }): VNode | null {
  const { data } = useLoaded<UnpricedAnswer>(`api/unpriced?${apiQuery(state, ['project', 'provider', 'model'])}`, refreshSeconds(state));
  if (!data || data.models.length === 0) return null;
  const calls = ({ provider, model }: UnpricedModel): Partial<PageState> => ({
    ...atView('calls'),
    filters: { ...state.filters, provider: [provider], model: [model] },
  });
  return html`
    <section class="card table-card" aria-labelledby="unpriced-title">
      <header>
        <h2 id="unpriced-title">Not priced</h2>
        <span class="muted small">${data.more_models ? `the ${data.models.length} models with most calls` : 'models whose spend is in no sum here'}</span>
      </header>
      <div class="scroll">
        <table class="models">
          <thead><tr>
            <th scope="col">Model</th><th scope="col">Provider</th>
            <th scope="col" class="num">Calls</th><th scope="col" class="num">Tokens in</th><th scope="col" class="num">Tokens out</th><th scope="col" class="num">Cost</th>
          </tr></thead>
          <tbody>
            ${data.models.map(
              (row) => html`<tr key=${`${row.provider} ${row.model}`} class="clickable" onClick=${() => change(calls(row))}>
                <th scope="row"><a class="ellipsis" href=${formatState({ ...state, ...calls(row) })}
                  onClick=${(event: MouseEvent) => {
                    event.stopPropagation();
                    plainClick(event, () => change(calls(row)));
                  }}>${row.model || '(no model)'}</a></th>
                <td>${row.provider}</td>
                <td class="num">${formatWhole(row.calls)}</td>
                <td class="num">${formatCount(row.input_tokens)}</td>
                <td class="num">${formatCount(row.output_tokens)}</td>
                <td class="num"><span class="hint">not priced</span></td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="muted small foot">Give a model a price under <code>prices:</code> in glassway.yaml, then run <code>npm run glassway -- reprice</code>.</p>
    </section>`;
}
