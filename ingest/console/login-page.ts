/** The sign-in page as text: takes what to say, gives HTML in which every value is escaped. */

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function loginPage({ next, signedInAs, problem }: { next: string; signedInAs: string | undefined; problem: string }): string {
  const signIn = `
      <form method="post" action="/login">
        <h1>Glassway</h1>
        <label for="key">Console key</label>
        <input id="key" name="key" type="password" autocomplete="current-password" spellcheck="false" required autofocus>
        <input name="next" type="hidden" value="${escapeHtml(next)}">
        ${problem === '' ? '' : `<p class="problem" role="alert">${escapeHtml(problem)}</p>`}
        <button type="submit">Sign in</button>
        <p>Whoever runs this Glassway makes one with <code>glassway keys create --for console</code></p>
      </form>`;
  const signOut = `
      <form method="post" action="/logout">
        <h1>Glassway</h1>
        <p>Signed in as <strong>${escapeHtml(signedInAs ?? '')}</strong>. <a href="${escapeHtml(next)}">Go on</a></p>
        <button type="submit">Sign out</button>
      </form>`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Sign in · Glassway</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/login.css">
  </head>
  <body>
    <main>${signedInAs === undefined ? signIn : signOut}
    </main>
  </body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

/** The console's colours; the page itself is behind the sign-in. */
export const LOGIN_CSS = `:root {
  color-scheme: light dark;
  --bg: light-dark(#f5f6f8, #0b0d12);
  --surface: light-dark(#ffffff, #12151c);
  --line: light-dark(#dde1e8, #262c38);
  --text: light-dark(#141922, #e7eaf0);
  --muted: light-dark(#5b6575, #8d97a8);
  --accent: light-dark(#0d8f83, #2dd4bf);
  --on-accent: light-dark(#ffffff, #04211e);
  --bad: light-dark(#c8283c, #ff7b86);
  font: 15px/1.5 system-ui, sans-serif;
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--bg); color: var(--text); }
form { box-sizing: border-box; width: min(24rem, 100vw); padding: 2rem; border: 1px solid var(--line); border-radius: 12px; background: var(--surface); }
h1 { margin: 0 0 1.25rem; font-size: 1.25rem; }
label { display: block; margin-bottom: 0.35rem; font-weight: 600; }
input[type="password"] { box-sizing: border-box; width: 100%; padding: 0.6rem 0.7rem; border: 1px solid var(--line); border-radius: 8px; background: var(--bg); color: inherit; font: 14px ui-monospace, monospace; }
button { margin-top: 1rem; width: 100%; padding: 0.6rem; border: 0; border-radius: 8px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
p { margin: 1rem 0 0; color: var(--muted); font-size: 0.875rem; }
p.problem { color: var(--bad); }
a { color: var(--accent); }
code { color: var(--text); }
`;
