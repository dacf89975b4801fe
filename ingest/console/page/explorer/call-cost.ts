/** How one call's cost comes about: each line of the sum with its price, and where that price comes from. */
import type { CallAnswer } from '../../api-types.ts';
import { html, type VNode } from '../../vendor/preact.js';
import { Facts, type Row } from '../call-facts.ts';
import { formatWhole, UNKNOWN } from '../format.ts';

const SOURCES: Readonly<Record<string, string>> = {
  provider: 'The provider named this cost in its answer.',
  override: 'From your own prices in the settings.',
  catalogue: 'From the price catalogue.',
  none: '',
};

export function CallCost({ answer }: { answer: CallAnswer }): VNode {
  const { call, price } = answer;
  const cost = call.cost_usd === null ? null : Number(call.cost_usd);
  const rows: Row[] = [
    ['Amount', cost === null ? (call.usage_source === 'none' ? UNKNOWN : 'not priced') : `$${trimmed(call.cost_usd ?? '')}`],
    ['Priced with', call.price_version],
    ['Service tier', call.service_tier],
  ];
  const origin = SOURCES[call.cost_source] ?? call.cost_source;
  return html`
    <section>
      <h3>Cost</h3>
      <${Facts} rows=${rows} />
      ${origin !== '' && html`<p class="muted small cost-note">${origin}</p>`}
      ${price && html`<${Story} price=${price} />`}
    </section>`;
}

function Story({ price }: { price: NonNullable<CallAnswer['price']> }): VNode {
  if (price.reason !== '') return html`<p class="muted cost-note">${price.reason}</p>`;
  return html`
    ${
      !price.agrees &&
      html`<p class="cost-note warn-note">Prices have changed since: those in use now make it ${price.cost_usd === null ? 'not priced' : `$${trimmed(price.cost_usd)}`}. <code>glassway reprice</code> computes stored costs anew.</p>`
    }
    ${price.parts.map(
      (part) => html`<table class="charges" key=${part.entry}>
        <caption>${part.entry} <span class="muted">${part.version}</span></caption>
        <thead><tr><th scope="col">Charged</th><th scope="col" class="num">Count</th><th scope="col" class="num">Price</th><th scope="col" class="num">US$</th></tr></thead>
        <tbody>
          ${part.charges.map(
            (charge) => html`<tr key=${charge.what}><th scope="row">${charge.label}</th><td class="num">${formatWhole(charge.count)}</td>
              <td class="num">${priceText(charge.price_usd, charge.per)}</td><td class="num">${usd(charge.usd)}</td></tr>`,
          )}
          ${
            part.factor !== 1 &&
            html`<tr><th scope="row">× ${Number(part.factor.toFixed(4))}</th><td class="num" colspan="2">${price.conditions}</td><td class="num">${usd(part.factor * part.charges.reduce((sum, charge) => sum + charge.usd, 0))}</td></tr>`
          }
        </tbody>
      </table>`,
    )}
    ${price.override !== null && html`<p class="muted small cost-note">Your entry <code>${price.override}</code> in the settings${price.multiplier === null ? '' : `: × ${price.multiplier} on the list`}.</p>`}`;
}

function priceText(usdPrice: number, per: number): string {
  const unit = { 1: '', 1000: ' / 1k', 1000000: ' / M', 3600: ' / h' }[per] ?? ` / ${per}`;
  return `$${usdPrice}${unit}`;
}

/** Nine places are what is stored; the last zeros say nothing. */
function usd(value: number): string {
  return trimmed(value.toFixed(9));
}

function trimmed(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/0+$/, '').replace(/\.$/, '') : decimal;
}
