// Sets the colour scheme before the first paint. A file of its own, because the
// pages run no inline script.
(function () {
  var kept = null;
  try {
    kept = localStorage.getItem('tollgate-color-scheme');
  } catch (_) {
    // Storage is refused: follow the system.
  }
  var dark = kept === 'dark' || (kept !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
