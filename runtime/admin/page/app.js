'use strict';

const texts = {
  en: {
    skip: 'Skip to the dependencies', language: 'Language', level: 'Level', timeline: 'The last hour', hourAgo: '1 h ago', now: 'now',
    changes: 'Changes', dependencies: 'Dependencies', filter: 'Filter', sickOnly: 'only what is not well', name: 'Name', state: 'Breaker',
    criticality: 'Criticality', rate: 'Calls/s', errors: 'Errors', fallbacks: 'Fallbacks/s', outbox: 'Outbox', back: 'Expected back',
    control: 'Control', controls: 'Controls', for: 'For', reason: 'Reason', forceLevel: 'Force the level', release: 'Release', token: 'Token',
    live: 'live', lost: 'connection lost, trying again', since: 'since', forced: 'forced', until: 'until', down: 'down', off: 'policies off',
    open: 'open', closed: 'closed', 'half-open': 'half-open', forceOpen: 'Force open', shownOf: (n, all) => `${n} of ${all} shown`,
    expected: 'Full service expected', done: 'done', refused: 'refused', overdue: 'overdue', askReason: 'Reason for forcing the breaker open for 5 minutes?',
    optimal: 'optimal', degraded: 'degraded', limited: 'limited', minimal: 'minimal', emergency: 'emergency',
    critical: 'critical', high: 'high', medium: 'medium', low: 'low',
    meaning: {
      optimal: 'All services up.', degraded: 'Everything works, some of it slower or from a cache.',
      limited: 'Some features are off.', minimal: 'Read-only: writes are kept for later or refused.',
      emergency: 'Status and essential calls only.',
    },
  },
  es: {
    skip: 'Ir a las dependencias', language: 'Idioma', level: 'Nivel', timeline: 'La última hora', hourAgo: 'hace 1 h', now: 'ahora',
    changes: 'Cambios', dependencies: 'Dependencias', filter: 'Filtrar', sickOnly: 'solo lo que no está bien', name: 'Nombre', state: 'Cortacircuitos',
    criticality: 'Criticidad', rate: 'Llamadas/s', errors: 'Errores', fallbacks: 'Alternativas/s', outbox: 'Pendientes', back: 'Vuelta prevista',
    control: 'Control', controls: 'Controles', for: 'Durante', reason: 'Motivo', forceLevel: 'Forzar el nivel', release: 'Liberar', token: 'Clave',
    live: 'en directo', lost: 'conexión perdida, reintentando', since: 'desde', forced: 'forzado', until: 'hasta', down: 'caída', off: 'políticas desactivadas',
    open: 'abierto', closed: 'cerrado', 'half-open': 'semiabierto', forceOpen: 'Forzar apertura', shownOf: (n, all) => `${n} de ${all} visibles`,
    expected: 'Servicio completo previsto', done: 'hecho', refused: 'rechazado', overdue: 'con retraso', askReason: '¿Motivo para forzar la apertura durante 5 minutos?',
    optimal: 'óptimo', degraded: 'degradado', limited: 'limitado', minimal: 'mínimo', emergency: 'emergencia',
    critical: 'crítica', high: 'alta', medium: 'media', low: 'baja',
    meaning: {
      optimal: 'Todos los servicios funcionan.', degraded: 'Todo funciona, en parte más lento o desde una caché.',
      limited: 'Algunas funciones están desactivadas.', minimal: 'Solo lectura: las escrituras se guardan para después o se rechazan.',
      emergency: 'Solo estado y llamadas esenciales.',
    },
  },
};

const levels = ['optimal', 'degraded', 'limited', 'minimal', 'emergency'];
const $ = (id) => document.getElementById(id);
const dependencies = new Map(); // name → {data, row}
let system = null;
let changes = [];
let lang = localStorage.getItem('resil-lang') || (navigator.language.startsWith('es') ? 'es' : 'en');

const t = (key) => texts[lang][key] ?? key;
const time = (iso) => new Date(iso).toLocaleTimeString(lang);
const number = (n, digits = 1) => n.toLocaleString(lang, { maximumFractionDigits: digits });
const seconds = (s) => (s === null ? '–' : s < 1 ? `${number(s * 1000, s < 0.01 ? 1 : 0)} ms` : `${number(s, 2)} s`);

// set writes only what changed: a thousand rows stay smooth, and a screen
// reader is not told the same thing twice.
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function relabel() {
  document.documentElement.lang = lang;
  $('lang').value = lang;
  for (const node of document.querySelectorAll('[data-t]')) set(node, t(node.dataset.t));
  for (const option of document.querySelectorAll('select[name=level] option')) {
    option.value ||= option.textContent;
    option.textContent = t(option.value);
  }
  drawSystem();
  for (const entry of dependencies.values()) drawRow(entry);
  drawChanges();
  applyFilter();
}

function drawSystem() {
  if (!system) return;
  const index = levels.indexOf(system.level) + 1;
  $('level').className = `level-${index}`;
  set($('level-name'), t(system.level));
  set($('level-meaning'), t('meaning')[system.level]);
  const forced = system.forced ? ` · ${t('forced')} ${t('until')} ${time(system.forced.until)}: ${system.forced.reason}` : '';
  const off = system.disabled ? ` · ${t('off')}` : '';
  set($('level-reason'), `${system.reason || ''} · ${t('since')} ${time(system.since)}${forced}${off}`);
  set($('level-end'), system.expected ? `${t('expected')}: ${new Date(system.expected) > new Date() ? time(system.expected) : t('overdue')}` : '');
  document.title = `${t(system.level)} · resil`;
  const scale = $('scale');
  if (!scale.children.length) {
    levels.forEach((_, i) => scale.append(Object.assign(document.createElement('li'), { className: `level-${i + 1}` })));
  }
  [...scale.children].forEach((li, i) => li.classList.toggle('on', i < index));
  $('controls').hidden = !system.control;
  document.querySelector('th.control').hidden = !system.control;
}

const columns = ['state', 'criticality', 'rate', 'errors', 'p50', 'p99', 'fallbacks', 'outbox', 'back', 'control'];

function makeRow(name) {
  const row = document.createElement('tr');
  row.append(Object.assign(document.createElement('th'), { scope: 'row', textContent: name }));
  for (const column of columns) {
    const cell = document.createElement('td');
    if (column !== 'state' && column !== 'criticality' && column !== 'back' && column !== 'control') cell.className = 'n';
    cell.append(document.createElement('span'));
    row.append(cell);
  }
  row.cells[1].append(Object.assign(document.createElement('span'), { className: 'tag', hidden: true }));
  const button = Object.assign(document.createElement('button'), { type: 'button' });
  button.addEventListener('click', () => forceBreaker(name, button.dataset.act === 'release'));
  row.cells[columns.length].append(button);
  return row;
}

function drawRow({ data, row }) {
  columns.forEach((column, i) => {
    row.cells[i + 1].dataset.label = column === 'p50' || column === 'p99' ? column : t(column);
  });
  const cell = (column) => row.cells[columns.indexOf(column) + 1].firstElementChild;
  cell('state').className = `state ${data.breaker}`;
  set(cell('state'), t(data.breaker));
  const tag = row.cells[1].lastElementChild;
  const note = [data.forced && `${t('forced')} ${t('until')} ${time(data.forced.until)}`, !data.up && t('down'), data.disabled && t('off')]
    .filter(Boolean).join(' · ');
  tag.hidden = note === '';
  set(tag, note);
  set(cell('criticality'), t(data.criticality));
  set(cell('rate'), number(data.rate));
  set(cell('errors'), `${number(data.errors * 100)} %`);
  set(cell('p50'), seconds(data.p50));
  set(cell('p99'), seconds(data.p99));
  set(cell('fallbacks'), number(data.fallbacks));
  set(cell('outbox'), data.outbox === null ? '–' : number(data.outbox, 0));
  set(cell('back'), data.expected ? time(data.expected) : '–');
  const control = row.cells[columns.length];
  control.hidden = !system?.control;
  const button = control.lastElementChild;
  button.dataset.act = data.forced ? 'release' : 'open';
  set(button, data.forced ? t('release') : t('forceOpen'));
  button.setAttribute('aria-label', `${button.textContent} ${data.name}`);
}

function applyFilter() {
  const wanted = $('filter').value.trim().toLowerCase();
  const sick = $('sick').checked;
  let shown = 0;
  for (const [name, { data, row }] of dependencies) {
    const well = data.up && data.breaker === 'closed' && !data.forced;
    row.hidden = (wanted !== '' && !name.toLowerCase().includes(wanted)) || (sick && well);
    if (!row.hidden) shown++;
  }
  set($('shown'), t('shownOf')(shown, dependencies.size));
}

function drawTimeline() {
  if (!system) return;
  const now = Date.now();
  const svg = $('timeline');
  const steps = [{ at: now - 3600e3, level: system.levels[0]?.from ?? system.level }];
  for (const step of system.levels) steps.push({ at: Math.max(new Date(step.at).getTime(), now - 3600e3), level: step.to });
  svg.replaceChildren(...steps.map((step, i) => {
    const end = i + 1 < steps.length ? steps[i + 1].at : now;
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const index = levels.indexOf(step.level) + 1;
    rect.setAttribute('class', `level-${index}`);
    rect.setAttribute('x', String(3600 - (now - step.at) / 1000));
    rect.setAttribute('width', String(Math.max((end - step.at) / 1000, 2)));
    rect.setAttribute('y', String(50 - index * 10));
    rect.setAttribute('height', String(index * 10));
    return rect;
  }));
  svg.setAttribute('aria-label', `${t('timeline')}: ${system.levels.map((s) => `${time(s.at)} ${t(s.to)}`).join(', ') || t(system.level)}`);
}

function drawChanges() {
  $('changes').replaceChildren(...changes.slice(-100).reverse().map((c) => Object.assign(document.createElement('li'), {
    textContent: `${time(c.at)} · ${c.dependency || t('level')} · ${t(c.from)} → ${t(c.to)}${c.reason ? ` · ${c.reason}` : ''}`,
  })));
}

function receive(update) {
  system = update;
  let grew = false;
  for (const data of update.dependencies) {
    let entry = dependencies.get(data.name);
    if (!entry) {
      entry = { data, row: makeRow(data.name) };
      dependencies.set(data.name, entry);
      grew = true;
    }
    entry.data = data;
    drawRow(entry);
  }
  if (grew) {
    const sorted = [...dependencies.keys()].sort();
    $('rows').append(...sorted.map((name) => dependencies.get(name).row));
  }
  if (update.changes.length) {
    changes = changes.concat(update.changes).slice(-1000);
    drawChanges();
  }
  drawSystem();
  applyFilter();
}

async function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if ($('token').value) headers.Authorization = `Bearer ${$('token').value}`;
  let text;
  try {
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    text = response.ok ? t('done') : `${t('refused')}: ${(await response.text()).trim()}`;
  } catch (error) {
    text = `${t('refused')}: ${error.message}`;
  }
  set($('answer'), text);
}

function forceBreaker(name, release) {
  if (release) {
    post('api/force/breaker', { dependency: name, state: '' });
    return;
  }
  const reason = prompt(t('askReason'));
  if (reason) post('api/force/breaker', { dependency: name, state: 'open', ttl: '5m', reason });
}

$('force-level').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  post('api/force/level', { level: form.get('level'), ttl: form.get('ttl'), reason: form.get('reason') });
});
$('release-level').addEventListener('click', () => post('api/force/level', { level: '' }));
$('lang').addEventListener('change', (event) => {
  lang = event.target.value;
  localStorage.setItem('resil-lang', lang);
  relabel();
});
$('filter').addEventListener('input', applyFilter);
$('sick').addEventListener('change', applyFilter);

const source = new EventSource('api/events');
source.addEventListener('open', () => {
  changes = [];
  set($('link'), t('live'));
});
source.addEventListener('error', () => set($('link'), t('lost')));
source.addEventListener('update', (event) => receive(JSON.parse(event.data)));
setInterval(drawTimeline, 1000);
relabel();
