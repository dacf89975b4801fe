/** Puts the page into the document. */
import { html, render } from '../vendor/preact.js';
import { App } from './app.ts';

const root = document.querySelector<HTMLElement>('#app');
if (root) render(html`<${App} />`, root);
