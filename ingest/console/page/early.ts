/** Runs before the first paint, as a classic script, so that a chosen theme does not flash. Gives nothing. */
{
  const chosen = localStorage.getItem('glassway-theme');
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset['theme'] = chosen;
}
