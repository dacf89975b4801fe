/** Dark or light: as the system says until one is chosen here; the choice stays in this browser. */

import { html, useEffect, useState, type VNode } from '../vendor/preact.js';

const THEME_CHANGED = 'themechange';

function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** A number that changes with the theme: what reads colours of the style sheet depends on it. */
export function useTheme(): number {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const follow = (): void => setTheme((count) => count + 1);
    scheme.addEventListener('change', follow);
    addEventListener(THEME_CHANGED, follow);
    return () => {
      scheme.removeEventListener('change', follow);
      removeEventListener(THEME_CHANGED, follow);
    };
  }, []);
  return theme;
}

export function ThemeButton(): VNode {
  useTheme();
  const dark = isDark();
  const toggle = (): void => {
    const next = dark ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    localStorage.setItem('glassway-theme', next);
    dispatchEvent(new Event(THEME_CHANGED));
  };
  return html`<button type="button" class="icon-button" onClick=${toggle} aria-label=${dark ? 'Use the light theme' : 'Use the dark theme'} title=${dark ? 'Light theme' : 'Dark theme'}>
    <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d=${dark ? SUN : MOON} fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>
  </button>`;
}

const SUN =
  'M10 6.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 0 0 0-7.6M10 1.6v1.8M10 16.6v1.8M1.6 10h1.8M16.6 10h1.8M4.1 4.1l1.2 1.2M14.7 14.7l1.2 1.2M4.1 15.9l1.2-1.2M14.7 5.3l1.2-1.2';
const MOON = 'M16.8 11.9A7 7 0 0 1 8.1 3.2A7 7 0 1 0 16.8 11.9Z';
