'use strict';
// Filters, and opens what an address points at. Nothing here is needed for reading.
(function () {
  const $ = (id) => document.getElementById(id);
  const checks = [...document.querySelectorAll('.check')];
  const groups = [...document.querySelectorAll('.file')];
  const heads = [...document.querySelectorAll('h3')];
  const words = new Map();
  const text = (check) => {
    if (!words.has(check)) {
      const file = check.closest('.file');
      const parts = [check.id, check.querySelector('.cites'), check.querySelector('.asks'), file && file.querySelector('p'), ...check.querySelectorAll('.witness, .note')];
      words.set(check, parts.map((p) => (p && p.textContent) || p || '').join(' ').toLowerCase());
    }
    return words.get(check);
  };
  const apply = () => {
    const wanted = $('f-text').value.toLowerCase().split(/\s+/).filter(Boolean);
    const [area, verdict, document_] = ['f-area', 'f-verdict', 'f-document'].map((id) => $(id).value);
    let shown = 0;
    for (const check of checks) {
      const d = check.dataset;
      const fits = (!area || d.a === area) && (!verdict || d.v === verdict) &&
        (!document_ || d.d.split('|').includes(document_)) && wanted.every((word) => text(check).includes(word));
      check.classList.toggle('gone-by-filter', !fits);
      shown += fits ? 1 : 0;
    }
    for (const group of groups) group.classList.toggle('gone-by-filter', !group.querySelector('.check:not(.gone-by-filter)'));
    for (const head of heads) {
      let next = head.nextElementSibling;
      while (next && next.matches('.file.gone-by-filter')) next = next.nextElementSibling;
      head.classList.toggle('gone-by-filter', !next || !next.matches('.file'));
    }
    $('f-count').textContent = shown === checks.length ? shown + ' in all' : shown + ' of ' + checks.length;
  };
  const open = () => {
    const at = location.hash && $(decodeURIComponent(location.hash.slice(1)));
    for (let e = at && (at.matches('details') ? at : at.querySelector('details') || at); e; e = e.parentElement) if (e.matches('details')) e.open = true;
    if (at) at.scrollIntoView();
  };
  let soon;
  $('filter').hidden = false;
  $('filter').addEventListener('input', () => { clearTimeout(soon); soon = setTimeout(apply, 80); });
  $('filter').addEventListener('submit', (event) => event.preventDefault());
  addEventListener('hashchange', open);
  apply();
  open();
})();
